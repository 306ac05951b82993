"""New certificates without a restart: the supervisor reads and checks the files as root, and hands them over.

Asked by SIGHUP (`seaway node reload`). Each process with TLS has one end of a private socket pair; it makes new
contexts, answers `ok` or one line, and keeps the old ones when it cannot. Open connections go on with what they have.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from seaway.identity.certificates import CertificateError
from seaway.observe import log
from seaway.observe.alarms import TLS_ENDS, TLS_FILES
from seaway.runtime.alarms import AlarmBook
from seaway.runtime.ipc import private_pair
from seaway.runtime.run_dir import write_anew
from seaway.runtime.tls import load_contexts
from seaway.runtime.tls_files import TlsFiles, decode_files, encode_files, read_files
from seaway.runtime.tls_settings import Tls

__all__ = ["RELOAD_FILE", "ReloadChannel", "ReloadEnd", "TlsKeeper"]

RELOAD_FILE = "reload"  # in the run directory: the outcome of the last reload

_CHUNK = 64 * 1024
_LIMIT = 64 * 1024 * 1024  # octets of all files
_LOOK = 3600.0  # seconds between looks at the files
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


class TlsKeeper:
    """The supervisor's side: the channels to its children, and what is to be said of the files.

    They are looked at each hour as well: what ends soon, or cannot be used any more, is an alarm before a restart
    meets it.
    """

    def __init__(self, tls: Tls | None, names: Sequence[str], run_dir: Path, alarms: AlarmBook) -> None:
        self._tls = tls
        self._names = names
        self._run_dir = run_dir
        self._alarms = alarms
        self._channels: dict[str, ReloadChannel] = {}  # by child
        self._failure: str | None = None  # of the last look
        self._looked = time.monotonic() - _LOOK
        self._log = log.get(part="supervisor")

    # -- around a fork

    def before_fork(self, child: str) -> None:
        """`child` will take new files."""
        if child in self._channels:
            self._channels.pop(child).close()
        self._channels[child] = ReloadChannel()

    def in_parent(self, child: str) -> None:
        """The child has its end."""
        self._channels[child].in_parent()

    def in_child(self, child: str) -> None:
        """In the child: those of others are nothing to it."""
        for name, channel in self._channels.items():
            if name != child:
                channel.close()

    def end_of(self, child: str) -> socket.socket:
        """In the child: where the files come from."""
        return self._channels[child].in_child()

    # -- reloading

    def reload(self, alive: Collection[str]) -> None:
        """Read the files anew and give them to the children that live; the outcome goes to the log and to
        `run_dir/reload`."""
        files = self.look(time.monotonic())
        failure = self._failure
        if files is not None:
            for name in sorted(set(alive) & self._channels.keys()):
                why = self._channels[name].hand_over(files)
                if why is not None:
                    failure = f"process {name}: {why}"
                    self._alarms.report(TLS_FILES, failure)
        warnings = list(files.warnings) if files is not None else []
        if failure is None:
            self._log.info("tls.reloaded", warnings=warnings)
        else:
            self._log.error("tls.not_reloaded", reason=failure)
        outcome = {"at": time.time(), "failure": failure, "warnings": warnings}
        write_anew(self._run_dir / RELOAD_FILE, json.dumps(outcome) + "\n")

    def tick(self, now: float) -> None:
        """Called at least each hour."""
        if self._tls is not None and now - self._looked >= _LOOK:
            self.look(now)

    def look(self, now: float) -> TlsFiles | None:
        """The files as they are now, `None` when they cannot be used; alarms follow."""
        self._looked = now
        self._failure = None
        if self._tls is None:
            self._failure = "tls: is missing, so there is nothing to reload; add [tls] and start the node again"
            return None
        try:
            files = read_files(self._tls, self._names)
            load_contexts(files)  # what OpenSSL refuses is refused before anybody has it
        except CertificateError as error:
            self._failure = str(error)
            self._alarms.report(TLS_FILES, self._failure)
            return None
        self._alarms.ease(TLS_FILES)
        if files.warnings:
            self._alarms.report(TLS_ENDS, "; ".join(files.warnings), again=False)
        else:
            self._alarms.ease(TLS_ENDS)
        return files
