"""Which errors are the user's to mend: they become one line and an exit status, without a traceback."""

from __future__ import annotations

import sys

__all__ = ["FINDING", "UsageError", "exit_status"]

FINDING = 1
"""Exit status of a command that worked and found something that is not as it should be."""

# By name and module, so that a command that never loaded the module does not load it for this.
_WRONG_INPUT = (
    ("seaway.catalog.problems", "DeploymentError"),
    ("seaway.catalog.load", "CatalogError"),
    ("seaway.identity.certificates", "CertificateError"),
    ("seaway.runtime.sockets", "SocketError"),
    ("seaway.runtime.supervisor", "StartError"),
    ("seaway.observe.log", "LogError"),
)
_FAILED = (("seaway.runtime.ipc", "IpcError"), ("seaway.lab.errors", "LabError"))


class UsageError(Exception):
    """The command line asks for something that is not there."""


def exit_status(error: Exception) -> int | None:
    """2 for wrong input, 1 for a failure that is no defect, `None` for a defect."""
    if isinstance(error, UsageError) or _is(error, _WRONG_INPUT):
        return 2
    if isinstance(error, OSError) or _is(error, _FAILED):
        return 1
    return None


def _is(error: Exception, kinds: tuple[tuple[str, str], ...]) -> bool:
    for module, name in kinds:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(error, kind):
            return True
    return False
