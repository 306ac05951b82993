"""Builds what of Seaway is no Python, by `dataplane/Makefile`. The rest of the package is in pyproject.toml.

A missing compiler does not stop the build: the fast path that needs it is missing, and Seaway says so when it runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

_SOURCE = Path(__file__).resolve().parent / "dataplane"
_TARGETS = {
    "bpf": os.environ.get("CLANG", "clang"),
    "worker": os.environ.get("CC", "cc"),
    "shed": os.environ.get("CC", "cc"),
}
"""Target of the Makefile -> the compiler that it needs."""


def build_native() -> None:
    for target, compiler in _TARGETS.items():
        missing = [tool for tool in ("make", compiler) if shutil.which(tool) is None]
        if missing:
            print(f"seaway: {target} not built: no {missing[0]} here", file=sys.stderr)
            continue
        made = subprocess.run(["make", "-s", "-C", str(_SOURCE), target], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            last = (made.stderr.strip() or made.stdout.strip() or "make failed").splitlines()[0]
            print(f"seaway: {target} not built: {last} (make -C dataplane {target})", file=sys.stderr)


class BuildWithNative(build_py):
    def run(self) -> None:
        build_native()
        super().run()


class WheelOfThisMachine(bdist_wheel):
    """For any Python 3, but with a native worker inside."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


setup(cmdclass={"build_py": BuildWithNative, "bdist_wheel": WheelOfThisMachine})
