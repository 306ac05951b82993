"""Builds what of Seaway is not plain Python: the data plane by `dataplane/Makefile`, the signalling hot path by
`scripts/compile_hot_path.py`. The rest of the package is in pyproject.toml.

A missing compiler does not stop the build: the fast path that needs it is missing, or signalling runs as plain Python,
and Seaway says so when it runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

_ROOT = Path(__file__).resolve().parent
_SOURCE = _ROOT / "dataplane"
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


def compile_hot_path() -> None:
    spec = spec_from_file_location("compile_hot_path", _ROOT / "scripts" / "compile_hot_path.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        module.compile_all()
    except module.Incomplete as error:
        print(f"seaway: signalling runs as plain Python: {error}", file=sys.stderr)


class BuildWithNative(build_py):
    def run(self) -> None:
        build_native()
        compile_hot_path()
        super().run()

    def build_package_data(self) -> None:
        self.__dict__.pop("data_files", None)  # looked up before anything was built
        super().build_package_data()


class WheelOfThisMachine(bdist_wheel):
    """With a native worker inside; for any Python 3, or for this one alone when modules are compiled for it."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        python, abi, platform = super().get_tag()
        if any((_ROOT / "src" / "seaway" / "_compiled").glob("manifest.json")):
            return (python, abi, platform)
        return ("py3", "none", platform)


setup(cmdclass={"build_py": BuildWithNative, "bdist_wheel": WheelOfThisMachine})
