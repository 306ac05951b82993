"""SIPp as neighbours: one calls, one says 404, one rings until it is cancelled, one of a cluster of two answers."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.rig import CORE, INSIDE
from tests.runtime.test_supervisor import Nodes, wait
from tests.runtime.test_supervisor import nodes as nodes_fixture  # noqa: F401  # a fixture

pytestmark = [pytest.mark.interop, pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed")]

_NET = INSIDE.rsplit(".", 1)[0]
_CALLER, _LOST, _RINGS, _ANSWERS, _DEAD = (f"{_NET}.{last}" for last in (78, 81, 82, 83, 84))

_RECV = '<?xml version="1.0"?>\n<scenario name="{name}">\n<recv request="INVITE"><action>{keep}</action></recv>\n'
_KEEP = "".join(
    f'<ereg regexp=".*" search_in="hdr" header="{header}" occurrence="{number}" assign_to="{to}"/>'
    for header, number, to in (("Via:", 1, 1), ("Via:", 2, 2))
)
_ANSWER = """<send{retrans}><![CDATA[
SIP/2.0 {status}
{via}
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]{tag}[call_number]
[last_Call-ID:]
CSeq: {number} {method}
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

]]></send>
"""


def _answer(status: str, method: str, number: int = 1, via: str = "[last_Via:]", again: bool = False) -> str:
    return _ANSWER.format(
        retrans=' retrans="500"' if again else "", status=status, via=via, tag="t", method=method, number=number
    )


_NOT_FOUND = (
    _RECV.format(name="404", keep="") + _answer("404 Not Found", "INVITE") + '<recv request="ACK"/>\n</scenario>\n'
)
_RINGING = (
    _RECV.format(name="ring", keep=_KEEP)
    + _answer("180 Ringing", "INVITE")
    + '<recv request="CANCEL"/>\n'
    + _answer("200 OK", "CANCEL")
    + _answer("487 Request Terminated", "INVITE", via="Via:[$1]\nVia:[$2]")
    + '<recv request="ACK"/>\n</scenario>\n'
)
_ANSWERING = (
    _RECV.format(name="answer", keep="")
    + '<pause milliseconds="300"/>\n'
    + _answer("200 OK", "INVITE", again=True)
    + '<recv request="ACK"/>\n<recv request="BYE"/>\n'
    + _answer("200 OK", "BYE", number=2)
    + "</scenario>\n"
)
_SENT = """<send retrans="500"><![CDATA[
{method} {uri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
{routes}From: <sip:caller@[local_ip]>;tag=[pid]c[call_number]
To: <sip:0555@[remote_ip]>{tag}
Call-ID: [call_id]
CSeq: {number} {method}
Contact: <sip:caller@[local_ip]:[local_port]>
Content-Length: 0

]]></send>
"""
_INSIDE = {"uri": "[next_url]", "routes": "[routes]\n", "tag": "[peer_tag_param]"}
_CALLING = (
    '<?xml version="1.0"?>\n<scenario name="call">\n'
    + _SENT.format(method="INVITE", uri="sip:0555@[remote_ip]", routes="", tag="", number=1)
    + '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
    + '<recv response="180" optional="true"/>\n<recv response="200" rrs="true"/>\n'
    + _SENT.format(method="ACK", number=1, **_INSIDE).replace(' retrans="500"', "")
    + '<pause milliseconds="300"/>\n'
    + _SENT.format(method="BYE", number=2, **_INSIDE)
    + '<recv response="200"/>\n</scenario>\n'
)
_CONFIG = f"""
[[neighbour]]
name = "caller"
addresses = ["{_CALLER}"]
transport = "udp"
monitor = 0
[[neighbour]]
name = "lost"
addresses = ["{_LOST}"]
transport = "udp"
monitor = 0
[[neighbour]]
name = "rings"
addresses = ["{_RINGS}"]
transport = "udp"
monitor = 0
[[neighbour]]
name = "answers"
addresses = ["{_DEAD}", "{_ANSWERS}"]
transport = "tcp"
monitor = 0
[[transform]]
priority = 1
pattern = "0"
[[search_rule]]
priority = 10
target = "lost"
[[search_rule]]
priority = 20
target = "rings"
[[search_rule]]
priority = 20
target = "answers"
type = "regex"
pattern = '(\\d+)@.*'
behaviour = "replace"
replace = '+\\1@far.test'
"""


@pytest.fixture
def core(nodes_fixture: Nodes) -> Iterator[Nodes]:  # noqa: F811
    path = nodes_fixture.write("core1")
    path.write_text(path.read_text() + _CONFIG)
    nodes_fixture.ready("core1", nodes_fixture.start(path))
    yield nodes_fixture


def sipp(folder: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    base = folder / name
    base.mkdir()
    command = [
        "sipp",
        *arguments,
        "-m",
        "1",
        "-nostdin",
        "-trace_msg",
        "-message_file",
        str(base / "messages"),
        "-trace_err",
    ]
    with (base / "out").open("wb") as log:
        return subprocess.Popen(command, cwd=base, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def test_a_call_is_looked_for_in_steps(core: Nodes) -> None:
    """Step 10 says 404. In step 20 one rings and is cancelled; of the other zone the first peer is dead, the second
    answers and gets ACK and BYE."""
    folder = core.folder
    (folder / "404.xml").write_text(_NOT_FOUND)
    (folder / "ring.xml").write_text(_RINGING)
    (folder / "answer.xml").write_text(_ANSWERING)
    (folder / "call.xml").write_text(_CALLING)
    started = {
        "lost": sipp(folder, "lost", "-sf", str(folder / "404.xml"), "-i", _LOST, "-p", "5060"),
        "rings": sipp(folder, "rings", "-sf", str(folder / "ring.xml"), "-i", _RINGS, "-p", "5060"),
        "answers": sipp(folder, "answers", "-sf", str(folder / "answer.xml"), "-i", _ANSWERS, "-p", "5060", "-t", "t1"),
    }
    try:
        time.sleep(0.3)
        caller = sipp(folder, "caller", "-sf", str(folder / "call.xml"), "-i", _CALLER, "-p", "5060", CORE)
        started["caller"] = caller
        assert caller.wait(15) == 0, (folder / "caller" / "messages").read_text()[-3000:]
        for name in ("lost", "rings", "answers"):
            assert started[name].wait(10) == 0, f"{name}: " + (folder / name / "messages").read_text()[-3000:]
    finally:
        for process in started.values():
            process.kill()
            process.wait(5)
    heard = {name: (folder / name / "messages").read_text() for name in started}
    assert "INVITE sip:555@example.test SIP/2.0" in heard["lost"], "our address as host stands for our domain"
    assert "INVITE sip:+555@far.test SIP/2.0" in heard["answers"] and "BYE " in heard["answers"]
    assert "CANCEL " in heard["rings"] and "SIP/2.0 404" not in heard["caller"]
    wait(lambda: bool(core.status("core1", "searches")[0]["status"]))
    (row,) = core.status("core1", "searches")
    assert row["status"] == 200 and row["targets"] == ["lost", "rings", "answers"] and row["zone"] == "caller"
