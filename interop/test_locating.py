"""BIND says where a domain's servers are and which URI a number has; SIPp is called where the first server is dead."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

from tests.runtime.rig import CORE, DNS, INSIDE
from tests.runtime.test_supervisor import Nodes, wait
from tests.runtime.test_supervisor import nodes as nodes_fixture  # noqa: F401  # a fixture

_NAMED = shutil.which("named", path="/usr/sbin:/usr/bin:/sbin")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(_NAMED is None, reason="named is not installed"),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed"),
]

_CALLER = INSIDE.rsplit(".", 1)[0] + ".78"
_OPTIONS = """options {{
  directory "{dir}"; listen-on port 53 {{ {address}; }}; listen-on-v6 {{ none; }}; pid-file "{dir}/named.pid";
  session-keyfile none; recursion no; dnssec-validation no; notify no; empty-zones-enable no;
}};
controls {{ }};
zone "far.test" {{ type primary; file "far"; }};
zone "e164.test" {{ type primary; file "numbers"; }};
"""
_HEAD = "$TTL 60\n@ IN SOA ns.far.test. root.far.test. 1 3600 600 86400 60\n@ IN NS ns.far.test.\n"
_FAR = f"""{_HEAD}ns IN A 127.0.0.1
@ IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.far.test.
@ IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.far.test.
_sip._tcp IN SRV 2 10 5071 live
_sip._tcp IN SRV 1 10 5099 dead
_sip._udp IN SRV 1 10 5099 dead
live IN A {INSIDE}
dead IN A {INSIDE}
"""
_NUMBERS = (
    _HEAD
    + r"""4.3.2.1 IN NAPTR 100 10 "u" "E2U+sip" "!^\\+(.*)$!sip:n\\1@far.test!" .
4.3.2.1 IN NAPTR 90 10 "u" "E2U+email" "!^.*$!mailto:x@far.test!" .
"""
)
_CONFIG = f"""
[[neighbour]]
name = "caller"
addresses = ["{_CALLER}"]
transport = "udp"
[[dns_zone]]
name = "world"
[[enum_zone]]
name = "numbers"
suffix = "e164.test"
[[search_rule]]
priority = 10
target = "numbers"
mode = "alias-pattern"
type = "regex"
pattern = '[0-9]+@.*'
[[search_rule]]
priority = 20
target = "world"
mode = "any-alias"
"""


@pytest.fixture
def far(nodes_fixture: Nodes) -> Iterator[Nodes]:  # noqa: F811
    """A core with a DNS and an ENUM zone, BIND, and SIPp on TCP."""
    base = nodes_fixture.folder / "named"
    base.mkdir()
    assert _NAMED is not None
    shutil.copy(_NAMED, base / "named")  # the packaged AppArmor profile is bound to its path
    for name, text in (("named.conf", _OPTIONS.format(dir=base, address=DNS)), ("far", _FAR), ("numbers", _NUMBERS)):
        (base / name).write_text(text)
    commands = [
        [str(base / "named"), "-f", "-n", "1", "-U", "1", "-c", str(base / "named.conf")],
        ["sipp", "-sn", "uas", "-i", INSIDE, "-p", "5071", "-t", "t1", "-trace_err", "-nostdin"],
    ]
    started = []
    address = ["ip", "address", "{}", f"{DNS}/32", "dev", "lo"]  # BIND listens on addresses of interfaces only
    subprocess.run([each.format("add") for each in address], check=True)
    try:
        for command in commands:
            with (base / f"{Path(command[0]).name}.log").open("wb") as log:
                started.append(subprocess.Popen(command, cwd=base, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        wait(answers)
        path = nodes_fixture.write("core1")
        path.write_text(path.read_text() + _CONFIG)
        nodes_fixture.ready("core1", nodes_fixture.start(path))
        yield nodes_fixture
    finally:
        subprocess.run([each.format("delete") for each in address], check=False)
        for process in started:
            process.kill()
            process.wait(5)


def answers() -> bool:
    """Whether the name server is up."""
    with suppress(dns.exception.DNSException, OSError):
        return bool(dns.query.udp(dns.message.make_query("live.far.test", "A"), DNS, timeout=0.2).answer)
    return False


def exchange(made: socket.socket, method: str, uri: str, call: str, to: str, cseq: int, routes: list[str]) -> str:
    """Send a request and return its final response."""
    lines = [
        f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {_CALLER}:5060;branch=z9hG4bK{call}{method}",
        "Max-Forwards: 70", f"From: <sip:me@{_CALLER}>;tag=1", f"To: {to}", f"Call-ID: {call}",
        f"CSeq: {cseq} {method}", f"Contact: <sip:me@{_CALLER}:5060>", *routes, "Content-Length: 0", "", "",
    ]  # fmt: skip
    made.sendto("\r\n".join(lines).encode(), (CORE, 5060))
    limit = time.monotonic() + 10
    while method != "ACK" and time.monotonic() < limit:
        with suppress(TimeoutError):
            said = made.recv(65535).decode()
            if said.startswith("SIP/2.0 ") and not said.startswith("SIP/2.0 1") and f"CSeq: {cseq} {method}" in said:
                return said
    return ""


def value(said: str, name: str) -> list[str]:
    return [line.partition(": ")[2] for line in said.split("\r\n") if line.lower().startswith(name + ":")]


@pytest.mark.parametrize(("target", "called"), [("bob@far.test", "bob"), ("1234@example.test", "n1234")])
def test_the_second_server_of_a_domain_is_called(far: Nodes, target: str, called: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((_CALLER, 5060))
        made.settimeout(1.0)
        said = exchange(made, "INVITE", f"sip:{target}", called, f"<sip:{target}>", 1, [])
        assert said.startswith("SIP/2.0 200"), said or (far.folder / "named" / "named.log").read_text()
        contact = value(said, "contact")[0].strip("<>")
        assert contact.startswith(f"sip:{INSIDE}:5071")
        routes = [f"Route: {each}" for each in reversed(value(said, "record-route"))]
        for cseq, method in ((1, "ACK"), (2, "BYE")):
            said = exchange(made, method, contact, called, value(said, "to")[0] if said else "", cseq, routes)
            if method == "ACK":
                said = "SIP/2.0 200\r\nTo: <sip:x@far.test>;tag=x\r\n"
    counters = {row["name"]: row["value"] for row in far.status("core1", "counters")}
    assert counters["sip.dial.failed"] >= 1 and counters["sip.dial.done"] >= 1, "first the dead one, then the live one"
    assert counters.get("sip.branch.unlocated", 0) == 0 and counters.get("defects", 0) == 0
