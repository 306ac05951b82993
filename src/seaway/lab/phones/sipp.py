"""SIPp with scenarios of our own: register, call, and be called, over UDP and TCP, and over TLS through a TLS pipe.

Debian's SIPp is built without TLS, so for TLS it speaks TCP to a pipe in its own host, and the pipe speaks TLS to the
node (`interop/tls_pipe.py`).
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seaway.lab.errors import LabError

__all__ = ["Sipp", "alaw", "alaw_tone"]

Run = Callable[[list[str], Path], "subprocess.Popen[bytes]"]

_HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="{name}">\n'

_COMMON = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
"""

_REGISTER = """  <send retrans="500"><![CDATA[
REGISTER sip:{domain} SIP/2.0
{common}From: <sip:{user}@{domain}>;tag=[pid]r[call_number]
To: <sip:{user}@{domain}>
Call-ID: [call_id]
CSeq: {cseq} REGISTER
Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>
Expires: {expires}
{auth}Content-Length: 0

]]></send>
"""

_INVITE = """  <send retrans="500"{start}><![CDATA[
INVITE sip:{target}@{domain} SIP/2.0
{common}From: <sip:{user}@{domain}>;tag=[pid]i[call_number]
To: <sip:{target}@{domain}>
Call-ID: [call_id]
CSeq: {cseq} INVITE
Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
{auth}Content-Length: [len]

v=0
o=sipp 1 1 IN IP[media_ip_type] [media_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000

]]></send>
"""

_ACK_REFUSED = """  <send><![CDATA[
ACK sip:{target}@{domain} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-1]
Max-Forwards: 70
From: <sip:{user}@{domain}>;tag=[pid]i[call_number]
To: <sip:{target}@{domain}>[peer_tag_param]
Call-ID: [call_id]
CSeq: {cseq} ACK
Content-Length: 0

]]></send>
"""

_IN_DIALOG = """  <send{retrans}><![CDATA[
{method} [next_url] SIP/2.0
{common}[routes]
From: <sip:{user}@{domain}>;tag=[pid]i[call_number]
To: <sip:{target}@{domain}>[peer_tag_param]
Call-ID: [call_id]
CSeq: {cseq} {method}
{auth}Content-Length: 0

]]></send>
"""

_PROVISIONAL = (
    '  <recv response="100" optional="true"/>\n'
    '  <recv response="180" optional="true"/>\n'
    '  <recv response="183" optional="true"/>\n'
)

_UAS = """  <recv request="INVITE"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

]]></send>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP[media_ip_type] [media_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000

]]></send>
  <recv request="ACK"/>
{stream}  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""


def alaw(sample: int) -> int:
    """One 13 bit sample as A-law (G.711 §3.1, table 1a): sign, three bits of segment, four of position in it."""
    sign, size = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    size = min(size, 4095)
    segment = max(0, size.bit_length() - 5)
    position = size >> max(1, segment) & 0x0F
    return (sign | segment << 4 | position) ^ 0x55


def alaw_tone(frequency: int, seconds: int = 1) -> bytes:
    """A tone at 8000 samples per second, a quarter of full scale. Whole periods when `frequency` is an integer."""
    step = 2 * math.pi * frequency / 8000
    return bytes(alaw(int(1024 * math.sin(step * index))) for index in range(8000 * seconds))


@dataclass(frozen=True, slots=True)
class Sipp:
    """One SIPp user. `address` and `port` are its own; `remote` is host:port of the node or of the TLS pipe."""

    user: str
    password: str
    domain: str
    address: str
    port: int
    remote: str
    transport: Literal["udp", "tcp"]
    directory: Path
    run: Run
    media_port: int = 26000
    tone: int = 1000  # Hz; what it sends as G.711 A-law

    def _fields(self, **more: str) -> dict[str, str]:
        return {"user": self.user, "domain": self.domain, "common": _COMMON, "auth": "", **more}

    def _auth(self) -> str:
        return f"[authentication username={self.user} password={self.password}]\n"

    def _registration(self, cseq: int = 1, expires: int = 120) -> str:
        fields = self._fields(expires=str(expires))
        text = _REGISTER.format(**(fields | {"cseq": str(cseq)}))
        text += '  <recv response="401" auth="true"/>\n'
        text += _REGISTER.format(**(fields | {"cseq": str(cseq + 1), "auth": self._auth()}))
        return text + '  <recv response="200"/>\n'

    def call(self, target: str, milliseconds: int = 1000) -> None:
        """Call `target`, stay, hang up. Raises LabError when any step does not come."""
        fields = self._fields(target=target)
        text = _HEAD.format(name="call")
        text += _INVITE.format(**(fields | {"cseq": "1", "start": ""}))
        text += '  <recv response="100" optional="true"/>\n  <recv response="407" auth="true"/>\n'
        text += _ACK_REFUSED.format(**(fields | {"cseq": "1"}))
        text += _INVITE.format(**(fields | {"cseq": "2", "start": "", "auth": self._auth()}))
        text += _PROVISIONAL + '  <recv response="200" rrs="true"/>\n'
        text += _IN_DIALOG.format(**(fields | {"method": "ACK", "cseq": "2", "retrans": ""}))
        text += self._stream() + f'  <pause milliseconds="{milliseconds}"/>\n'
        text += _IN_DIALOG.format(**(fields | {"method": "BYE", "cseq": "3", "retrans": ' retrans="500"'}))
        # Requests of a dialog from outside the trusted zones are challenged as well.
        text += '  <recv response="407" optional="true" auth="true" next="1"/>\n  <recv response="200" next="2"/>\n'
        text += '  <label id="1"/>\n'
        again = {"method": "BYE", "cseq": "4", "retrans": ' retrans="500"', "auth": self._auth()}
        text += _IN_DIALOG.format(**(fields | again))
        text += '  <recv response="200"/>\n  <label id="2"/>\n</scenario>\n'
        self.finish(self._start("call", text), "call")

    def answer(self, milliseconds: int = 5000) -> subprocess.Popen[bytes]:
        """Register, take calls for so long on that connection (ring, answer, send the tone, wait for BYE), and
        remove the binding."""
        uas = _HEAD.format(name="take") + _UAS.format(user=self.user, stream=self._stream()) + "</scenario>\n"
        path = self.directory / "take.xml"
        path.write_text(uas)
        text = _HEAD.format(name="answer") + self._registration()
        text += f'  <pause milliseconds="{milliseconds}"/>\n' + self._registration(3, 0) + "</scenario>\n"
        return self._start("answer", text, "-oocsf", str(path))

    def _stream(self) -> str:
        """Scenario text that begins to send the tone. The relays answer only whoever sends, so an echo is no peer."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "tone.alaw"
        path.write_bytes(alaw_tone(self.tone))
        return f'  <nop><action><exec rtp_stream="{path},-1,8,PCMA/8000"/></action></nop>\n'

    def _start(self, name: str, text: str, *more: str) -> subprocess.Popen[bytes]:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{name}.xml"
        path.write_text(text)
        log = self.directory / f"{name}.log"
        log.unlink(missing_ok=True)
        for old in self.directory.glob(f"{name}_*_errors.log"):
            old.unlink()
        command = [
            "sipp", self.remote, "-sf", str(path), "-m", "1", "-nostdin", "-i", self.address, "-mi", self.address, "-p",
            str(self.port), "-mp", str(self.media_port), "-t", "u1" if self.transport == "udp" else "t1",
            "-timeout", "20", "-timeout_error", "-trace_err", "-error_file",
            str(self.directory / f"{name}_errors.log"), *more,
        ]  # fmt: skip
        return self.run(command, log)

    def finish(self, process: subprocess.Popen[bytes], name: str, patience: float = 25.0) -> None:
        """Wait for the end of a scenario. Raises LabError with what SIPp missed."""
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise LabError(f"scenario {name} does not end", "sipp") from None
        if status:
            errors = self.directory / f"{name}_errors.log"
            text = errors.read_text(errors="replace") if errors.exists() else ""
            raise LabError(f"scenario {name} ended with {status}: {' '.join(text.split())[-600:]}", "sipp")
