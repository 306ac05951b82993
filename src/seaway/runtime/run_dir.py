"""What lies in a node's run directory for longer than its processes live: the lock, the secret, small files."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from seaway.runtime.config import ConfigError

__all__ = ["READY_FILE", "lock", "secret", "write_anew"]

READY_FILE = "ready"
"""There while the node is up; a JSON object with the processes, and how often each was restarted."""


def lock(run_dir: Path) -> int:
    """One supervisor for a run directory. Raises `ConfigError`."""
    descriptor = os.open(run_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ConfigError(
            "run_dir", str(run_dir), "another node runs in it", "stop that node, or choose another"
        ) from None
    return descriptor


def secret(run_dir: Path) -> bytes:
    """The node's secret for nonces and route tokens: kept in the run directory, so that dialogs outlive a restart."""
    path = run_dir / "secret"
    try:
        found = path.read_bytes()
        if len(found) >= 32:
            return found
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigError(
            "run_dir", str(run_dir), f"its secret cannot be read ({error.strerror})", f"remove {path}"
        ) from None
    made = secrets.token_bytes(32)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(made)
    return made


def write_anew(path: Path, text: str) -> None:
    """Write a file in the run directory, whole or not at all. The folder belongs to the children's user, so nothing
    that lies there is followed or written to."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)
