"""Compiled modules: taken while they fit their source, never otherwise; and the SIP tests hold for both forms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from seaway import compiled

NAME = "seaway.wire.digits"


def _finder(folder: Path, fingerprint: str) -> compiled.Compiled:
    (folder / (NAME + EXTENSION_SUFFIXES[0])).write_bytes(b"")
    return compiled.Compiled(folder, {NAME: [fingerprint, "recipe"]})


def test_a_module_whose_source_is_unchanged_is_taken(tmp_path: Path) -> None:
    finder = _finder(tmp_path, compiled.fingerprint(compiled.source_of(NAME)))
    spec = finder.find_spec(NAME)
    assert spec is not None and spec.origin == str(tmp_path / (NAME + EXTENSION_SUFFIXES[0]))
    assert finder.taken == [NAME] and not finder.stale


def test_an_edited_module_is_plain_python(tmp_path: Path) -> None:
    finder = _finder(tmp_path, compiled.fingerprint(compiled.source_of(NAME) + b"# edited"))
    assert finder.find_spec(NAME) is None
    assert finder.stale == [NAME]


def test_a_lost_file_is_plain_python(tmp_path: Path) -> None:
    finder = _finder(tmp_path, compiled.fingerprint(compiled.source_of(NAME)))
    (tmp_path / (NAME + EXTENSION_SUFFIXES[0])).unlink()
    assert finder.find_spec(NAME) is None


def test_other_modules_are_not_its_business(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "")
    assert finder.find_spec("seaway.wire") is None and finder.find_spec("json") is None
    assert not finder.stale


def test_the_c_file_beside_a_module_is_part_of_its_source() -> None:
    source = compiled.source_of("seaway.runtime.burst")
    assert b"recvmmsg(" in source and b"def receive" in source


def test_the_switch_to_plain_python() -> None:
    said = _in_a_process(
        "from seaway import compiled; import seaway.wire.digits as d; print(compiled.build(), d.__file__)", pure=True
    )
    assert said.startswith("pure Python") and said.strip().endswith("digits.py")


def test_the_build_says_which_form_runs() -> None:
    said = _in_a_process(
        "import seaway.wire.digits as d; from seaway import compiled; print(compiled.build())", pure=False
    )
    assert said.startswith("compiled" if (compiled.FOLDER / compiled.MANIFEST).is_file() else "pure Python")


def test_sip_in_the_other_form() -> None:
    """What this run does not test: pure Python when modules are compiled. The interpreter is the same."""
    try:
        known = json.loads((compiled.FOLDER / compiled.MANIFEST).read_bytes())
    except FileNotFoundError:
        pytest.skip("nothing is compiled here: all tests are of plain Python")
    assert known
    root = Path(__file__).resolve().parent.parent
    tests = [
        "tests/wire/sip",
        "tests/core/sip",
        "tests/call",
        "tests/runtime/test_udp.py",
        "tests/runtime/test_burst.py",
    ]
    pure = compiled.build() != "pure Python"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=root, env=_environment(pure), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def _environment(pure: bool) -> dict[str, str]:
    return {**os.environ, compiled.PURE: "1" if pure else "0"}


def _in_a_process(code: str, *, pure: bool) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=_environment(pure), capture_output=True, text=True, check=True
    )
    return done.stdout
