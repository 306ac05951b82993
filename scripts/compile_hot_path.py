"""Compiles the modules of the signalling hot path into `src/seaway/_compiled`, for `seaway/compiled.py`.

`setup.py` calls it when the package is built. A module is made by Cython from the Python source as it stands, or from
the C file beside it. What is unchanged since the last time is kept. Raises `Incomplete` with one line when something is
missing; the package works without it. `SEAWAY_PURE=1` leaves it out.
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
from types import ModuleType

__all__ = ["HOT", "Incomplete", "compile_all"]

SOURCE = Path(__file__).resolve().parent.parent / "src"
FLAGS = ("-shared", "-fPIC", "-g0", "-w", "-fno-strict-aliasing", "-fwrapv", "-DNDEBUG")
DEFINES = ("-DCYTHON_CLINE_IN_TRACEBACK=0", "-DCYTHON_PROFILE=0", "-DCYTHON_TRACE=0")

HOT = (
    "wire.digits", "wire.sip.lexer", "wire.sip.message", "wire.sip.nameaddr", "wire.sip.via", "wire.sip.framing",
    "core.sip.build", "core.sip.client", "core.sip.server", "core.sip.timers", "core.sip.tokens",
    "core.sip.topvia", "core.sip.routing", "core.sip.layer", "core.sip.proxy", "core.sip.onward", "core.sip.context",
    "core.sip.loops", "core.sip.forking", "core.sip.carrier", "core.sip.sides", "core.sip.registrar",
    "core.sip.registration",
    "call.control", "call.requests", "call.searching", "call.search", "call.paths", "call.finding", "call.authorising",
    "call.admission", "call.registering", "identity.digest", "identity.nonce",
    "runtime.driver", "runtime.burst", "runtime.udp", "runtime.stream",
)  # fmt: skip
"""Modules below `seaway`. Each must behave the same in both forms: the tests run with both."""

FAST = frozenset(("seaway.wire.sip.message", "seaway.core.sip.layer", "seaway.runtime.burst"))
"""Where -O2 pays: it takes the compiler nearly twice as long as -O1."""


class Incomplete(Exception):
    """The hot path is not compiled; `str()` is one line with the reason."""


def compile_all(jobs: int = 0) -> int:
    """Bring `_compiled` up to date; how many modules were compiled. `jobs` compilers at once, 0: one for each core."""
    compiled = _finder_module()
    compiler = os.environ.get("CC", "cc")
    if os.environ.get(compiled.PURE) == "1":
        raise Incomplete(f"{compiled.PURE}=1")
    if shutil.which(compiler) is None:
        raise Incomplete(f"no {compiler} here")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise Incomplete("no Python.h here (python3-dev)")
    try:
        import Cython.Compiler.Main  # noqa: F401
    except ImportError:
        raise Incomplete("no Cython here") from None
    folder = compiled.FOLDER
    folder.mkdir(exist_ok=True)
    try:
        old = json.loads((folder / compiled.MANIFEST).read_bytes())
    except (OSError, ValueError):
        old = {}
    recipe = Path(__file__).read_bytes()
    new: dict[str, list[str]] = {}
    todo: list[str] = []
    for short in HOT:
        name = f"seaway.{short}"
        new[name] = [compiled.fingerprint(compiled.source_of(name)), compiled.fingerprint(recipe)]
        if old.get(name) != new[name] or not (folder / (name + EXTENSION_SUFFIXES[0])).is_file():
            todo.append(name)
    (folder / compiled.MANIFEST).unlink(missing_ok=True)  # nothing half-built is taken
    failures = [each for each in _compile(todo, folder, compiler, jobs or os.cpu_count() or 1) if each]
    kept = {f"{name}{EXTENSION_SUFFIXES[0]}" for name in new}
    for file in folder.iterdir():
        if file.name not in kept:
            file.unlink()
    if failures:
        raise Incomplete(failures[0])
    (folder / compiled.MANIFEST).write_text(json.dumps(new, indent=0))
    return len(todo)


def _compile(names: list[str], folder: Path, compiler: str, jobs: int) -> list[str]:
    """One line for each that fails. Cython works in this process while the C compilers work beside it."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = []
        for name in names:
            source = SOURCE.joinpath(*name.split(".")).with_suffix(".py")
            made = source.with_suffix(".c")
            if not made.is_file():
                made = folder / f"{name}.c"
                try:
                    _cythonise(name, source, made)
                except Exception as error:  # noqa: BLE001  # Cython's own, of many kinds
                    return [f"{name}: {str(error).strip().splitlines()[-1]}"]
            file = folder / (name + EXTENSION_SUFFIXES[0])
            include = f"-I{sysconfig.get_path('include')}"
            command = [
                compiler,
                *FLAGS,
                "-O2" if name in FAST else "-O1",
                *DEFINES,
                include,
                str(made),
                "-o",
                str(file),
            ]
            waiting.append(pool.submit(_run, name, command))
        return [each.result() for each in waiting]


def _cythonise(name: str, source: Path, made: Path) -> None:
    from Cython.Compiler.Main import CompilationOptions, compile_single

    directives = {"annotation_typing": False, "binding": True, "emit_code_comments": False}
    options = CompilationOptions(output_file=str(made), language_level=3, compiler_directives=directives)
    if compile_single(str(source), options, full_module_name=name).num_errors:
        raise ValueError("Cython refuses it")


def _run(name: str, command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    reason = next((line for line in lines if "error" in line), lines[0] if lines else "failed")
    return f"{name}: {reason}" if done.returncode else ""


def _finder_module() -> ModuleType:
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
        sys.exit(f"seaway: signalling runs as plain Python: {error}")
