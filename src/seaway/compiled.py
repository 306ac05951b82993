"""Takes modules of the signalling hot path from their compiled form, when there is one that fits.

`scripts/compile_hot_path.py` compiles some modules into `_compiled/`, each with Cython from the same source that Python
would run, or from a C file beside it, and notes the hash of that source in a manifest. A module is taken from there
only while its source is still the same: an edit is never hidden by an old build, and without a compiler everything runs
as plain Python. `SEAWAY_PURE=1` turns the compiled form off.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

__all__ = ["FOLDER", "MANIFEST", "PURE", "Compiled", "build", "fingerprint", "install", "source_of"]

ROOT = Path(__file__).resolve().parent
FOLDER = ROOT / "_compiled"
MANIFEST = "manifest.json"
PURE = "SEAWAY_PURE"


def fingerprint(source: bytes) -> str:
    """What the manifest says of a source, for this version of Python."""
    interpreter = f"{sys.version.split()[0]} {EXTENSION_SUFFIXES[0]}\n"
    return hashlib.sha256(interpreter.encode() + source).hexdigest()


def source_of(name: str) -> bytes:
    """What a module is made of: its Python source, and the C file beside it when there is one. Raises `OSError`."""
    source = ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")
    twin = source.with_suffix(".c")
    return source.read_bytes() + (twin.read_bytes() if twin.is_file() else b"")


class Compiled(MetaPathFinder):
    """Finds compiled modules. `known` maps a module's name to the fingerprints of the source that it was built from,
    and of how."""

    def __init__(self, folder: Path, known: Mapping[str, Sequence[str]]) -> None:
        self._folder = folder
        self._known = known
        self.taken: list[str] = []
        self.stale: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        wanted = self._known.get(fullname)
        if wanted is None:
            return None
        file = self._folder / (fullname + EXTENSION_SUFFIXES[0])
        try:
            fits = fingerprint(source_of(fullname)) == wanted[0] and file.is_file()
        except OSError:
            fits = False
        if not fits:
            self.stale.append(fullname)
            return None
        self.taken.append(fullname)
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, str(file)))


_finder: Compiled | None = None


def install() -> None:
    """Take compiled modules from now on, when there are any. Called once, by `seaway/__init__.py`."""
    global _finder
    if _finder is not None or os.environ.get(PURE) == "1":
        return
    try:
        known = json.loads((FOLDER / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return
    _finder = Compiled(FOLDER, known)
    sys.meta_path.insert(0, _finder)


def build() -> str:
    """Which form of the hot path runs, in one phrase: for `seaway status`."""
    if _finder is None:
        return "pure Python"
    if _finder.stale:
        return f"compiled, but {len(_finder.stale)} modules are pure Python: their source has changed since the build"
    return f"compiled ({len(_finder.taken)} modules)"
