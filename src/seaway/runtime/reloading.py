"""New certificates without a restart: the supervisor reads and checks the files as root, and hands them over.

Asked by SIGHUP (`seaway node reload`). Each process with TLS has one end of a private socket pair; it makes new
contexts, answers `ok` or one line, and keeps the old ones when it cannot. Open connections go on with what they have.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from seaway.identity.certificates import CertificateError
from seaway.observe import log
from seaway.runtime.ipc import private_pair
from seaway.runtime.run_dir import write_anew
from seaway.runtime.tls import load_contexts
from seaway.runtime.tls_files import TlsFiles, decode_files, encode_files, read_files
from seaway.runtime.tls_settings import Tls

__all__ = ["RELOAD_FILE", "ReloadChannel", "ReloadEnd", "reload_tls"]

RELOAD_FILE = "reload"  # in the run directory: the outcome of the last reload

_CHUNK = 64 * 1024
_LIMIT = 64 * 1024 * 1024  # octets of all files
_PATIENCE = 5.0  # seconds for a process to take them


class ReloadChannel:
    """The two ends between the supervisor and one child; made before the fork, of which each side keeps its own."""

    def __init__(self) -> None:
        self.parent, self.child = private_pair()

    def in_child(self) -> socket.socket:
        """Called in the child, for its own channel."""
        self.parent.close()
        return self.child

    def in_parent(self) -> None:
        """Called in the supervisor after the fork."""
        self.child.close()

    def close(self) -> None:
        self.parent.close()
        self.child.close()

    def hand_over(self, files: TlsFiles) -> str | None:
        """Give the files to the child and wait for its word: `None` when it uses them, else why not."""
        octets = encode_files(files)
        try:
            self.parent.settimeout(_PATIENCE)
            self.parent.send(b"%d" % len(octets))
            for at in range(0, len(octets), _CHUNK):
                self.parent.send(octets[at : at + _CHUNK])
            answer = self.parent.recv(_CHUNK)
        except OSError as error:
            return f"it does not take them ({error.strerror or error})"
        return None if answer == b"ok" else answer.decode("utf-8", "replace") or "it is gone"


class ReloadEnd:
    """The child's end, in its event loop. `apply` uses the files; it raises `CertificateError` when it cannot."""

    def __init__(self, end: socket.socket, apply: Callable[[TlsFiles], None]) -> None:
        self._end = end
        self._apply = apply
        self._missing = 0
        self._octets = bytearray()
        self._log = log.get()
        end.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            packet = self._end.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self.close()  # the supervisor is gone, and soon so are we
        elif not self._missing:
            self._octets.clear()
            self._missing = min(int(packet), _LIMIT)  # ours: the supervisor wrote it
        else:
            self._octets += packet
            self._missing -= len(packet)
            if self._missing <= 0:
                self._missing = 0
                self._take()

    def _take(self) -> None:
        answer = b"ok"
        try:
            self._apply(decode_files(bytes(self._octets)))
        except CertificateError as error:
            answer = str(error).encode()
        except Exception as error:  # noqa: BLE001  # a defect of ours: the old certificates stay
            self._log.error("defect", where="reload", error=str(error), exc_info=error)
            answer = f"{type(error).__name__}; its log has more".encode()
        self._octets.clear()
        try:
            self._end.send(answer[:4096])
        except OSError:
            self.close()

    def close(self) -> None:
        if self._end.fileno() >= 0:
            self._loop.remove_reader(self._end.fileno())
            self._end.close()


def reload_tls(tls: Tls | None, names: Sequence[str], channels: dict[str, ReloadChannel], run_dir: Path) -> None:
    """Read the files anew and give them to all processes; the outcome goes to the log and to `run_dir/reload`."""
    logger = log.get(part="supervisor")
    failure: str | None = None
    warnings: tuple[str, ...] = ()
    if tls is None:
        failure = "tls: is missing, so there is nothing to reload; add [tls] and start the node again"
    else:
        try:
            files = read_files(tls, names)
            load_contexts(files)  # what OpenSSL refuses is refused before anybody has it
            warnings = files.warnings
        except CertificateError as error:
            failure = str(error)
        else:
            for name, channel in channels.items():
                why = channel.hand_over(files)
                if why is not None:
                    failure = f"process {name}: {why}"
    if failure is None:
        logger.info("tls.reloaded", warnings=list(warnings))
    else:
        logger.error("tls.not_reloaded", reason=failure)
    outcome = {"at": time.time(), "failure": failure, "warnings": list(warnings)}
    write_anew(run_dir / RELOAD_FILE, json.dumps(outcome) + "\n")
