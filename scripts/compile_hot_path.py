"""Compiles the modules of the signalling hot path with Cython into `src/seaway/_compiled`, for `seaway/compiled.py`.

`setup.py` calls it when the package is built. What is unchanged since the last time is kept. Raises `Incomplete` with one
line when something is missing; the package works without it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

__all__ = ["HOT", "Incomplete", "compile_all"]

SOURCE = Path(__file__).resolve().parent.parent / "src"
FLAGS = ("-shared", "-fPIC", "-O2", "-g0", "-w", "-fno-strict-aliasing")

HOT = (
    "wire.digits", "wire.sip.lexer", "wire.sip.params", "wire.sip.uri", "wire.sip.nameaddr", "wire.sip.via",
    "wire.sip.cseq", "wire.sip.message", "wire.sip.auth",
    "core.sip.build", "core.sip.client", "core.sip.server", "core.sip.states", "core.sip.timers", "core.sip.tokens",
    "core.sip.topvia", "core.sip.routing", "core.sip.layer", "core.sip.proxy", "core.sip.onward", "core.sip.context",
    "core.sip.loops", "core.sip.forking", "core.sip.carrier", "core.sip.sides", "core.sip.glance",
    "call.control", "call.requests", "call.searching", "call.search", "call.paths", "call.finding", "call.zones",
    "call.admission", "call.registering", "identity.digest", "identity.nonce", "runtime.driver",
)  # fmt: skip
"""Modules below `seaway`. Each must behave the same in both forms: the tests run with both."""


class Incomplete(Exception):
    """The hot path is not compiled; `str()` is one line with the reason."""


def compile_all(jobs: int = 2) -> int:
    """Bring `_compiled` up to date; how many modules were compiled."""
    compiled = _finder_module()
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        raise Incomplete(f"no {compiler} here")
    try:
        from Cython.Compiler.Main import CompilationOptions, compile_single  # noqa: F401
    except ImportError:
        raise Incomplete("no Cython here") from None
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise Incomplete("no Python.h here (python3-dev)")
    folder = compiled.FOLDER
    folder.mkdir(exist_ok=True)
    try:
        old = json.loads((folder / compiled.MANIFEST).read_bytes())
    except (OSError, ValueError):
        old = {}
    new: dict[str, str] = {}
    todo: list[tuple[str, Path]] = []
    for short in HOT:
        name = f"seaway.{short}"
        source = SOURCE.joinpath(*name.split(".")).with_suffix(".py")
        new[name] = compiled.fingerprint(source.read_bytes())
        if old.get(name) != new[name] or not (folder / (name + EXTENSION_SUFFIXES[0])).is_file():
            todo.append((name, source))
    (folder / compiled.MANIFEST).unlink(missing_ok=True)  # nothing half-built is taken
    with ThreadPoolExecutor(jobs) as pool:
        failures = [each for each in pool.map(lambda job: _compile(*job, folder, compiler), todo) if each]
    kept = {f"{name}{EXTENSION_SUFFIXES[0]}" for name in new}
    for file in folder.iterdir():
        if file.name not in kept:
            file.unlink()
    if failures:
        raise Incomplete(failures[0])
    (folder / compiled.MANIFEST).write_text(json.dumps(new, indent=0))
    return len(todo)


def _compile(name: str, source: Path, folder: Path, compiler: str) -> str:
    """One line when it fails."""
    made, file = folder / f"{name}.c", folder / (name + EXTENSION_SUFFIXES[0])
    cython = [
        sys.executable, "-c", "from Cython.Compiler.Main import setuptools_main; setuptools_main()", "-3",
        "-X", "annotation_typing=False", "-X", "binding=True", "--module-name", name, "-o", str(made), str(source),
    ]  # fmt: skip
    include = f"-I{sysconfig.get_path('include')}"
    for command in (cython, [compiler, *FLAGS, include, str(made), "-o", str(file)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return f"{name}: {lines[-1] if lines else 'failed'}"
    made.unlink()
    return ""


def _finder_module() -> object:
    """`seaway/compiled.py` without the package, which may lack its dependencies when it is being built."""
    spec = spec_from_file_location("seaway_compiled", SOURCE / "seaway" / "compiled.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    try:
        print(f"{compile_all()} modules compiled")
    except Incomplete as error:
        sys.exit(f"seaway: hot path not compiled: {error}")
