"""Rule R18: the C media plane under a coverage-guided fuzzer and sanitizers, a short run; `make fuzz-dataplane` is the
long one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

RUNS = 60_000


@pytest.mark.interop
def test_r18_packet_path_survives_the_fuzzer(root: Path, tmp_path: Path) -> None:
    if shutil.which("clang") is None or shutil.which("make") is None:
        pytest.skip("no clang to build the fuzz target with")
    built = subprocess.run(
        ["make", "-s", "-C", str(root / "dataplane"), "fuzz"], capture_output=True, text=True, check=False
    )
    if "libclang_rt" in built.stderr:
        pytest.skip("the fuzz target needs the Debian package libclang-rt-dev")
    assert built.returncode == 0, built.stderr
    program = str(root / "dataplane" / "build" / "fuzz-packets")
    ran = subprocess.run(
        [program, f"-runs={RUNS}", "-max_len=600", "-seed=18", f"-artifact_prefix={tmp_path}/"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert f"Done {RUNS} runs" in ran.stderr
