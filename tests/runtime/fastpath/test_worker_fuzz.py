"""Rule R18: the C media plane under a coverage-guided fuzzer and sanitizers, a short run; `make fuzz-dataplane` is the
long one."""

from __future__ import annotations

import shutil
import subprocess
import sys
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
    seeds = tmp_path / "seeds"
    script = root / "dataplane" / "fuzz" / "seeds.py"
    subprocess.run([sys.executable, str(script), str(seeds)], check=True)
    program = str(root / "dataplane" / "build" / "fuzz-packets")
    ran = subprocess.run(
        [program, f"-runs={RUNS}", "-max_len=400", "-seed=18", f"-artifact_prefix={tmp_path}/", str(seeds)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert f"Done {RUNS} runs" in ran.stderr
