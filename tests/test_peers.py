"""The rule for skipped peers can fail: with SEAWAY_REQUIRE_PEERS=1 a skipped interop test is a failed one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT

SAMPLE = """
import pytest
@pytest.mark.skip(reason="no phone here")
def test_marked_skip(): ...
@pytest.fixture
def phone(): pytest.skip("no phone here")
def test_fixture_skip(phone): ...
@pytest.mark.xfail
def test_known_gap(): assert False
def test_good(): ...
"""


@pytest.mark.parametrize(
    ("folder", "required", "expected"),
    [
        ("interop", "1", "1 passed, 1 xfailed, 2 errors"),
        ("interop", "", "1 passed, 2 skipped, 1 xfailed"),
        ("unit", "1", "1 passed, 2 skipped, 1 xfailed"),
    ],
)
def test_skipped_peers(tmp_path: Path, folder: str, required: str, expected: str) -> None:
    sample = tmp_path / folder / "test_sample.py"
    sample.parent.mkdir()
    sample.write_text(SAMPLE)
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", str(sample)]
    environment = {**os.environ, "SEAWAY_REQUIRE_PEERS": required}
    options = ["-o", "addopts=-q", "--rootdir", str(tmp_path), "-o", "markers=interop"]
    done = subprocess.run([*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert expected in done.stdout, done.stdout + done.stderr
    if "errors" in expected:
        assert "SEAWAY_REQUIRE_PEERS=1 does not allow that: " in done.stdout
