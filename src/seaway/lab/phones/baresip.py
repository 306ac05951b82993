"""A baresip phone (Debian's 1.0.0) as a process of its own, driven over its JSON control port (`ctrl_tcp`).

The phone sends a generated tone and records what it decodes, so that the receiver can prove whose tone it heard.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seaway.lab.errors import LabError
from seaway.lab.inside import connect
from seaway.lab.phones.sound import Heard, listen

__all__ = ["Account", "Baresip", "Encryption", "PhoneStats", "Start"]

Encryption = Literal["srtp", "srtp-mand", "dtls_srtp"]
"""Of media: keys in SDP when the other side wants, keys in SDP always, DTLS."""
_ENCRYPTION = {"srtp": "srtp.so", "srtp-mand": "srtp.so", "dtls_srtp": "dtls_srtp.so"}

Start = Callable[[list[str], Path], "subprocess.Popen[bytes]"]
"""Runs a command line with its output in a file: in a namespace, or plainly on this machine."""

_CONFIG = """poll_method epoll
sip_listen {listen}
{cafile}{certificate}{dns}call_local_timeout 60
call_max_calls 8
audio_player aubridge,sink
audio_source ausine,{tone}
audio_alert aubridge,alert
ausrc_srate 48000
ausrc_channels 2
auplay_srate 8000
auplay_channels 1
audio_level no
rtp_ports {ports}
rtcp_mux no
jitter_buffer_delay 1-5
{interface}module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
{encryption}module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {dir}
ringback_disabled yes
statmode_default off
"""

_MODULES = (
    "/usr/lib/baresip/modules",
    "/usr/lib/x86_64-linux-gnu/baresip/modules",
    "/usr/local/lib/baresip/modules",
)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the phone is and where it registers. `proxy` is host:port of the node."""

    user: str
    password: str
    domain: str
    transport: Literal["udp", "tcp", "tls"]
    proxy: str
    register: int = 300  # seconds; 0: do not register


@dataclass(frozen=True, slots=True)
class PhoneStats:
    """Counters of the running call as the phone sees them."""

    sent: int
    received: int
    lost: int
    jitter_ms: float
    reports: bool  # a sender report of the peer has come in


class Baresip:
    """One phone. Make it, `launch()`, `wait("REGISTER_OK")`, `dial()`, ... `close()`."""

    def __init__(
        self,
        name: str,
        directory: Path,
        account: Account,
        tone: int,
        start: Start,
        *,
        listen: str = "0.0.0.0:5060",
        namespace: str | None = None,
        ca: Path | None = None,
        dns: str | None = None,
        control: int = 4444,
        rtp_ports: str = "10000-19999",
        interface: str | None = None,
        answer: Literal["auto", "manual"] = "auto",
        six: bool = False,
        encryption: Encryption | None = None,
        ice: bool = False,
        more: tuple[Account, ...] = (),
        certificate: Path | None = None,
        four: bool = False,
    ) -> None:
        """`more`: further accounts of the same phone. `certificate`: a file with certificate and key, for what it dials
        and for its own TLS port, which is the next one after `listen`. `six`, `four`: one family alone."""
        self.name, self.dir, self.account, self.tone = name, directory, account, tone
        self._accounts = (account, *more)
        self._start, self._namespace, self._control = start, namespace, control
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._events: list[dict[str, Any]] = []
        self._replies: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._token = 0
        self._answer = answer
        self._encryption = encryption
        self._ice = ice
        self._options = ("-v", *(("-6",) if six else ("-4",) if four else ()))
        directory.mkdir(parents=True, exist_ok=True)
        modules = next((path for path in _MODULES if Path(path).is_dir()), None)
        if modules is None:
            raise LabError(
                "no baresip modules on this machine", f"phone {name}", "install: apt-get install baresip-core"
            )
        added = [*([_ENCRYPTION[encryption]] if encryption else ()), *(["ice.so"] if ice else ())]
        config = _CONFIG.format(
            listen=listen,
            cafile=f"sip_cafile {ca}\n" if ca else "",
            certificate=f"sip_certificate {certificate}\n" if certificate else "",
            dns=f"dns_server {dns}\n" if dns else "",
            tone=tone,
            ports=rtp_ports,
            interface=f"net_interface {interface}\n" if interface else "",
            modules=modules,
            encryption="".join(f"module {each}\n" for each in added),
            control=control,
            dir=directory,
        )
        (directory / "config").write_text(config)
        (directory / "accounts").write_text("")  # the account comes by command, when we listen for its events
        (directory / "contacts").write_text("")

    def _account_line(self, account: Account) -> str:
        a = account
        return (
            f"<sip:{a.user}@{a.domain};transport={a.transport}>;auth_user={a.user};auth_pass={a.password};"
            f'outbound="sip:{a.proxy};transport={a.transport}";regint={a.register};answermode={self._answer};'
            "audio_codecs=PCMA/8000/1"
            + (f";mediaenc={self._encryption}" if self._encryption else "")
            + (";medianat=ice" if self._ice else "")
        )

    def write_interactive(self) -> None:
        """Make the directory one for a person: account in place, commands typed at the terminal."""
        path = self.dir / "config"
        kept = [line for line in path.read_text().splitlines() if "ctrl_tcp" not in line]
        path.write_text("\n".join(["module stdio.so", *kept]) + "\n")
        (self.dir / "accounts").write_text(self._account_line(self.account) + "\n")

    def launch(self, patience: float = 5.0) -> None:
        """Start the process and connect to its control port. Raises LabError."""
        self._process = self._start(["baresip", "-f", str(self.dir), *self._options], self.dir / "log")
        limit = time.monotonic() + patience
        while True:
            try:
                self._socket = connect(self._namespace, ("127.0.0.1", self._control), 1.0)
                break
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > limit:
                    raise LabError(f"baresip does not start: {self.tail()}", f"phone {self.name}") from error
                time.sleep(0.02)
        self._socket.settimeout(None)
        threading.Thread(target=self._read, args=(self._socket,), daemon=True).start()
        for each in self._accounts:
            self.command("uanew", self._account_line(each))

    def tail(self) -> str:
        """Last log line, for error texts."""
        with contextlib.suppress(OSError):
            lines = (self.dir / "log").read_text(errors="replace").strip().splitlines()
            return lines[-1] if lines else "no output"
        return "no output"

    def _read(self, sock: socket.socket) -> None:
        """Collect netstrings `length:json,` until the phone closes the connection."""
        buffer = b""
        while True:
            try:
                data = sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                with self._changed:
                    self._events.append({"type": "GONE"})
                    self._changed.notify_all()
                return
            buffer += data
            while match := re.match(rb"(\d{1,7}):", buffer):
                end = match.end() + int(match[1])
                if len(buffer) <= end:
                    break
                message = json.loads(buffer[match.end() : end])
                buffer = buffer[end + 1 :]
                with self._changed:
                    if message.get("response"):
                        self._replies[str(message.get("token"))] = message
                    else:
                        self._events.append(message)
                    self._changed.notify_all()

    def command(self, command: str, params: str = "", patience: float = 3.0) -> str:
        """Send one menu command; returns its output. Raises LabError."""
        if self._socket is None:
            raise LabError("phone is not running", f"phone {self.name}")
        self._token += 1
        token = str(self._token)
        body = json.dumps({"command": command, "params": params, "token": token}).encode()
        try:
            self._socket.sendall(b"%d:%s," % (len(body), body))
        except OSError as error:
            raise LabError(f"control port: {error}", f"phone {self.name}") from error
        with self._changed:
            if not self._changed.wait_for(lambda: token in self._replies, patience):
                raise LabError(f"no answer to {command!r}", f"phone {self.name}")
            return str(self._replies.pop(token).get("data", ""))

    def mark(self) -> int:
        """A place in the event list: `wait(..., since=mark)` looks only at what came later."""
        with self._changed:
            return len(self._events)

    def wait(self, *kinds: str, since: int = 0, patience: float = 5.0) -> dict[str, Any] | None:
        """The first event of one of `kinds` after `since`, or None when none comes within `patience` seconds."""

        def found() -> dict[str, Any] | None:
            return next((each for each in self._events[since:] if each.get("type") in kinds), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, patience)
            return found()

    def registered(self, patience: float = 5.0) -> bool:
        """Whether the last registration attempt worked; waits for the first result."""
        self.wait("REGISTER_OK", "REGISTER_FAIL", patience=patience)
        with self._changed:
            results = [e["type"] for e in self._events if str(e.get("type")).startswith("REGISTER_")]
        return "REGISTER_OK" in results

    def registered_as(self, user: str, patience: float = 5.0) -> bool:
        """Whether the account of `user` has registered; waits for it."""

        def there() -> bool:
            return any(
                each.get("type") == "REGISTER_OK" and str(each.get("accountaor")).startswith(f"sip:{user}@")
                for each in self._events
            )

        with self._changed:
            return self._changed.wait_for(there, patience)

    def dial(self, target: str) -> None:
        """Call `sip:user@domain`; forgets earlier recordings."""
        self.command("dial", target)

    def forget_recordings(self) -> None:
        for each in self.dir.glob("dump-*.wav"):
            each.unlink(missing_ok=True)

    def hang_up(self) -> None:
        self.command("hangup")

    def stats(self) -> PhoneStats | None:
        """Counters of the call under way; None without one."""
        text = self.command("audio_debug")
        sent = re.search(r"TX: packets=(\d+)", text)
        got = re.search(r"member 0x[0-9a-f]+: lost=(-?\d+) Jitter=([\d.]+)ms", text)
        received = re.findall(r"rcvd=(\d+)", text)
        if sent is None:
            return None
        return PhoneStats(
            sent=int(sent[1]),
            received=max(map(int, received), default=0),
            lost=int(got[1]) if got else 0,
            jitter_ms=float(got[2]) if got else 0.0,
            reports=any(int(each) for each in re.findall(r"psent=(\d+)", text)),
        )

    def heard(self, expected: int) -> Heard | None:
        """Judge the latest recording for the tone `expected` (Hz); None when nothing was recorded."""
        recordings = sorted(self.dir.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)
        return listen(recordings[-1], expected, self.tone) if recordings else None

    def end(self) -> None:
        """Tell the process to end; `close` waits for it."""
        if self._process is not None:
            self._process.terminate()

    def close(self, patience: float = 2.0) -> None:
        """End the process; within `patience` seconds it may say goodbye to its registrar."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
