"""Linphone's console client (Debian's linphone-cli) as a second independent phone, driven over its standard input.

It plays a tone from a file and records to a file instead of using a sound card.
"""

from __future__ import annotations

import contextlib
import math
import struct
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

from seaway.lab.errors import LabError
from seaway.lab.phones.baresip import Account
from seaway.lab.phones.sound import Heard, listen

__all__ = ["Linphone", "write_tone"]

_CONFIG = """[net]
mtu=1400
firewall_policy=0

[sip]
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
guess_hostname=0
use_ipv6=0
root_ca={ca}
verify_server_certs=1
verify_server_cn=1
register_only_when_network_is_up=0
inc_timeout=30
media_encryption=none
default_proxy=0

[rtp]
audio_rtp_port={rtp}
audio_adaptive_jitt_comp_enabled=0

[sound]
ec_enabled=0

[auth_info_0]
username={user}
passwd={password}
realm={domain}

[proxy_0]
reg_proxy=<sip:{proxy};transport={transport}>
reg_route=<sip:{proxy};transport={transport};lr>
reg_identity=sip:{user}@{domain}
reg_expires=300
reg_sendregister=1
publish=0
dial_escape_plus=0
"""

StartPiped = Callable[[list[str], Path], "subprocess.Popen[bytes]"]
"""Runs a command line with a pipe as standard input and its output in a file."""

_RATE = 8000


def write_tone(path: Path, frequency: int, seconds: float = 30.0) -> None:
    """A WAV file with a tone, 8000 samples per second, mono, 16 bit."""
    step = 2 * math.pi * frequency / _RATE
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        samples = [int(9000 * math.sin(step * index)) for index in range(int(_RATE * seconds))]
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))


class Linphone:
    """One phone: `launch()`, `dial()`, `hang_up()`, `close()`. It answers by itself. What it prints through a pipe says
    nothing of registrations and calls; ask the node and the other phone for these."""

    def __init__(
        self,
        directory: Path,
        account: Account,
        tone: int,
        start: StartPiped,
        *,
        ca: Path,
        dns: str,
        sip_port: int = 5060,
        rtp_port: int = 7078,
    ) -> None:
        self.dir, self.account, self.tone = directory, account, tone
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        (directory / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        ports = {"udp": -1, "tcp": -1, "tls": -1} | {account.transport: sip_port}  # -1: any free port
        (directory / "rc").write_text(
            _CONFIG.format(
                **ports,
                ca=ca,
                rtp=rtp_port,
                user=account.user,
                password=account.password,
                domain=account.domain,
                proxy=account.proxy,
                transport=account.transport,
            )
        )
        (directory / "resolv.conf").write_text(f"nameserver {dns}\noptions timeout:1 attempts:1\n")
        (directory / "log").unlink(missing_ok=True)
        write_tone(directory / "tone.wav", tone)

    def launch(self) -> None:
        """Start it with a resolv.conf of its own (a private mount, the machine's file stays as it is)."""
        command = ["linphonec", "-c", str(self.dir / "rc"), "-a"]
        home = f"HOME={self.dir}"
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        self._process = self._start(
            ["unshare", "-m", "sh", "-c", script, str(self.dir / "resolv.conf"), "env", home, *command],
            self.dir / "log",
        )
        self._say("soundcard use files")
        self._say(f"play {self.dir / 'tone.wav'}")
        self._say(f"record {self.dir / 'heard.wav'}")

    def _say(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            raise LabError("linphone is not running", str(self.dir.name))
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise LabError(f"linphone is gone: {error}", str(self.dir.name)) from error

    def output(self) -> str:
        with contextlib.suppress(OSError):
            return (self.dir / "log").read_text(errors="replace")
        return ""

    def dial(self, target: str) -> None:
        self._say(f"call {target}")

    def hang_up(self) -> None:
        self._say("terminate")

    def heard(self, expected: int) -> Heard | None:
        """Judge what was recorded since the start; only complete after the call."""
        path = self.dir / "heard.wav"
        return listen(path, expected, self.tone) if path.exists() else None

    def close(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(LabError):
            self._say("quit")
        try:
            self._process.wait(3.0)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait(3.0)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None
