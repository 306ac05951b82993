"""The registrar with independent peers: Kamailio as an edge proxy with Path and outbound, baresip, and SIPp scenarios
of our own for GRUU, Path, 423 and 430. In a namespace of its own; needs no lab."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.conftest import wait_for
from interop.registrar_site import CORE, DOMAIN, EDGE, HOST, OUTSIDE, RegistrarSite

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True)
def no_peers(site: RegistrarSite) -> Iterator[None]:
    yield
    site.end_peers()


URN = "urn:uuid:5d7f0a9e-1111-4c3b-9d43-0242ac130003"


@pytest.fixture(scope="module")
def site() -> Iterator[RegistrarSite]:
    # Not under pytest's own folder: that is closed to the user whose rights the node gets.
    with tempfile.TemporaryDirectory(prefix="seaway-registrar-") as folder:
        made = RegistrarSite(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def edge(site: RegistrarSite) -> None:
    site.start_edge()


def reply(status: str, tag: str = "") -> str:
    """An answer to what came last."""
    return f"""<send><![CDATA[
SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""


def scenario(site: RegistrarSite, name: str, text: str) -> str:
    """The file of a scenario for what comes outside the calls of the main one."""
    path = site.folder / f"{name}.xml"
    path.write_text(f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="{name}">\n{text}</scenario>\n')
    return str(path)


def register(
    cseq: int, expires: int, *lines: str, contact: str = "<sip:bob@[local_ip]:[local_port]>", auth: bool = True
) -> str:
    more = "".join(f"{line}\n" for line in lines)
    credentials = "[authentication username=bob password=secret-bob]\n" if auth else ""
    return f"""<send retrans="500"><![CDATA[
REGISTER sip:{DOMAIN} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
Max-Forwards: 70
From: <sip:bob@{DOMAIN}>;tag=[pid]r
To: <sip:bob@{DOMAIN}>
Call-ID: [call_id]
CSeq: {cseq} REGISTER
Contact: {contact}
Expires: {expires}
{more}{credentials}Content-Length: 0

]]></send>
"""


def expect(status: int, header: str = "", pattern: str = "", name: str = "x", **more: str) -> str:
    """A response; with `header` its value must match, and is logged."""
    attributes = "".join(f' {key}="{value}"' for key, value in more.items())
    if not header:
        return f'<recv response="{status}"{attributes}/>\n'
    return f"""<recv response="{status}"{attributes}><action>
<ereg regexp="{pattern}" search_in="hdr" header="{header}" check_it="true" assign_to="{name}"/>
<log message="{name}=[${name}]"/>
</action></recv>
"""


def challenged(cseq: int, expires: int, *lines: str, **more: str) -> str:
    return register(cseq, expires, *lines, auth=False, **more) + expect(401, auth="true")  # type: ignore[arg-type]


def test_423_says_how_long(site: RegistrarSite) -> None:
    text = challenged(1, 10) + register(2, 10) + expect(423, "Min-Expires:", "60")
    text += challenged(3, 60) + register(4, 60) + expect(200, "Date:", "GMT", name="date")
    text += register(5, 0) + expect(200)
    assert "GMT" in site.sipp("interval", text)


def test_require_that_nobody_knows(site: RegistrarSite) -> None:
    text = challenged(1, 60, "Require: path, carpets") + register(2, 60, "Require: path, carpets")
    site.sipp("require", text + expect(420, "Unsupported:", "carpets"))


def test_gruus_are_called(site: RegistrarSite) -> None:
    """SIPp registers with an instance, and alice's baresip calls both GRUUs that it was given."""
    alice = site.baresip("alice")
    contact = f'<sip:bob@[local_ip]:[local_port]>;+sip.instance="<{URN}>"'
    text = challenged(1, 120, "Supported: gruu", contact=contact) + register(2, 120, "Supported: gruu", contact=contact)
    text += expect(200, "Contact:", ".*", name="gruus")
    answer = (
        """<recv request="INVITE"><action>
<ereg regexp="INVITE sip:bob@[0-9.:]+ " search_in="msg" check_it="true" assign_to="uri"/>
<log message="uri=[$uri]"/></action></recv>
"""
        + reply("486 Busy Here", ";tag=[pid]u[call_number]")
        + '<recv request="ACK"/>\n'
    )
    take = scenario(site, "take", answer)
    text += '<pause milliseconds="4000"/>\n' + register(3, 0) + expect(200)
    process = site.sipp_begin("gruu", text, "-oocsf", take)
    site.wait_registered("bob")
    log = site.folder / "gruu.log"
    found = re.search(r'pub-gruu="([^"]+)";temp-gruu="([^"]+)"', log.read_text())
    assert found is not None, log.read_text()
    assert found.group(1) == f"sip:bob@{DOMAIN};gr={URN}"
    for gruu in found.groups():
        mark = alice.mark()
        alice.dial(gruu)
        closed = alice.wait("CALL_CLOSED", since=mark, patience=5.0)
        assert closed is not None and "486" in str(closed.get("param")), closed
    site.sipp_end("gruu", process)
    assert log.read_text().count("uri=INVITE sip:bob@") == 2


def test_watching_a_registration(site: RegistrarSite) -> None:
    """RFC 3680: SUBSCRIBE, and NOTIFY with the state as XML; at the end of the subscription a last one."""
    head = f"""SUBSCRIBE sip:bob@{DOMAIN} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
Max-Forwards: 70
From: <sip:bob@{DOMAIN}>;tag=[pid]w
To: <sip:bob@{DOMAIN}>
Call-ID: [call_id]
CSeq: {{number}} SUBSCRIBE
Contact: <sip:bob@[local_ip]:[local_port]>
Event: reg
Accept: application/reginfo+xml
Expires: 0
{{auth}}Content-Length: 0
"""
    notified = """<recv request="NOTIFY"><action>
<ereg regexp="terminated;reason=timeout" search_in="hdr" header="Subscription-State:" check_it="true" assign_to="s"/>
<log message="state=[$s]"/>
<ereg regexp="sip:bob@[0-9.]+:[0-9]+" search_in="body" check_it="true" assign_to="uri"/>
<log message="contact=[$uri]"/></action></recv>
""" + reply("200 OK")
    credentials = "[authentication username=bob password=secret-bob]\n"
    text = challenged(1, 120) + register(2, 120) + expect(200)
    text += f'<send retrans="500"><![CDATA[\n{head.format(number=3, auth="")}\n]]></send>\n' + expect(407, auth="true")
    text += f'<send retrans="500"><![CDATA[\n{head.format(number=4, auth=credentials)}\n]]></send>\n'
    text += (
        expect(200) + notified + register(5, 0, auth=False) + expect(401, auth="true") + register(6, 0) + expect(200)
    )
    assert "contact=sip:bob@10.66.1.73:" in site.sipp("watch", text)


def test_a_path_without_outbound_is_439(site: RegistrarSite) -> None:
    """SIPp plays phone and proxy at once: another Via below its own, and Path values."""
    contact = f'<sip:bob@[local_ip]:[local_port]>;+sip.instance="<{URN}>";reg-id=1'
    first = ("Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKphone", "Supported: path, outbound")
    bare, kept = (*first, "Path: <sip:192.0.2.9;lr>"), (*first, "Path: <sip:t@192.0.2.9;lr;ob>")
    text = challenged(1, 60, *bare, contact=contact) + register(2, 60, *bare, contact=contact) + expect(439)
    text += register(3, 60, *kept, contact=contact) + expect(200, "Path:", "sip:t@192.0.2.9;lr;ob", name="path")
    text += register(4, 0, *kept, contact=contact) + expect(200)
    assert "path=sip:t@192.0.2.9;lr;ob" in site.sipp("path", text)


def test_430_of_a_proxy_ends_the_binding(site: RegistrarSite) -> None:
    alice = site.baresip("alice")
    path = ("Path: <sip:flow7@[local_ip]:[local_port];lr>", "Supported: path")
    refuse = (
        """<recv request="INVITE"><action>
<ereg regexp="sip:flow7@[0-9.:]+;lr" search_in="hdr" header="Route:" check_it="true" assign_to="route"/>
<log message="route=[$route]"/></action></recv>
"""
        + reply("430 Flow Failed", ";tag=[pid]u[call_number]")
        + '<recv request="ACK"/>\n'
    )
    take = scenario(site, "refuse", refuse)
    text = challenged(1, 120, *path) + register(2, 120, *path) + expect(200) + '<pause milliseconds="2500"/>\n'
    process = site.sipp_begin("flow", text, "-oocsf", take)
    site.wait_registered("bob")
    mark = alice.mark()
    alice.dial(f"sip:bob@{DOMAIN}")
    closed = alice.wait("CALL_CLOSED", since=mark, patience=5.0)
    assert closed is not None and "480" in str(closed.get("param")), closed
    assert not site.registrations("bob")
    site.sipp_end("flow", process)
    assert "route=sip:flow7@" in (site.folder / "flow.log").read_text()


def test_a_phone_behind_kamailio(site: RegistrarSite) -> None:
    """Path and flow token are Kamailio's: the call goes through it and over the phone's TCP connection; when that is
    gone Kamailio says 430 and the binding is dropped."""
    alice = site.baresip("alice")
    proxy = site.kamailio()
    bob = site.baresip("bob", "tcp", proxy)
    (row,) = site.wait_registered("bob")
    assert re.fullmatch(rf"<sip:[^@]+@{re.escape(HOST['proxy'])};.*lr.*>", row["path"]), row
    mark = alice.mark()
    bobs = bob.mark()
    alice.dial(f"sip:bob@{DOMAIN}")
    assert alice.wait("CALL_ESTABLISHED", since=mark) is not None
    assert bob.wait("CALL_ESTABLISHED", since=bobs) is not None
    bob.hang_up()
    assert alice.wait("CALL_CLOSED", since=mark) is not None
    mark, alices = bob.mark(), alice.mark()
    bob.dial(f"sip:alice@{DOMAIN}")
    assert bob.wait("CALL_ESTABLISHED", since=mark) is not None
    bob.hang_up()
    assert alice.wait("CALL_CLOSED", since=alices) is not None

    assert bob._process is not None
    bob._process.kill()  # the connection goes, the registration does not
    bob._process.wait()
    mark = alice.mark()
    alice.dial(f"sip:bob@{DOMAIN}")
    closed = alice.wait("CALL_CLOSED", since=mark, patience=10.0)
    assert closed is not None and "480" in str(closed.get("param")), closed
    assert not site.registrations("bob")


def test_a_phone_with_outbound(site: RegistrarSite) -> None:
    """baresip opens two flows with one instance (RFC 5626): it rings once, also when one flow is gone."""
    alice = site.baresip("alice")
    more = f';sipnat=outbound;outbound2="sip:{CORE}:5060;transport=udp"'
    bob = site.baresip("bob", "tcp", account=more)
    rows = site.wait_registered("bob", 2)
    assert sorted(row["reg_id"] for row in rows) == [1, 2] and len({row["instance"] for row in rows}) == 1
    mark, marked = alice.mark(), bob.mark()
    alice.dial(f"sip:bob@{DOMAIN}")
    assert alice.wait("CALL_ESTABLISHED", since=mark) is not None
    assert bob.wait("CALL_ESTABLISHED", since=marked) is not None
    alice.hang_up()
    assert bob.wait("CALL_CLOSED", since=marked) is not None
    types = [event.get("type") for event in bob._events[marked:]]
    assert types.count("CALL_ESTABLISHED") == types.count("CALL_CLOSED") == 1, types


def test_a_registered_phone_is_called_after_a_restart(site: RegistrarSite) -> None:
    """kill -9 of the signalling process: bob registers with UDP once, and is called after it without doing so again."""
    alice = site.baresip("alice", "tcp")
    bob = site.baresip("bob")
    (before,) = site.wait_registered("bob")
    time.sleep(0.4)  # written behind
    marked = bob.mark()
    site.kill_signalling()
    (after,) = site.wait_registered("bob")
    assert (after["contact"], after["via"]) == (before["contact"], before["via"])
    mark = alice.mark()
    alice.dial(f"sip:bob@{DOMAIN}")
    assert alice.wait("CALL_ESTABLISHED", since=mark, patience=8.0) is not None
    assert not any(str(event.get("type")).startswith("REGISTER") for event in bob._events[marked:])
    alice.hang_up()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_at_an_edge_without_users(site: RegistrarSite, edge: None, transport: str) -> None:
    """bob registers at the edge; the core judges his password, keeps his binding, and calls him through the edge. After
    a kill of the core's signalling he is called again without registering."""
    alice = site.baresip("alice")
    bob = site.baresip("bob", transport, f"{EDGE}:5060", address=OUTSIDE)
    (row,) = site.wait_registered("bob")
    assert row["zone"] == "pair" and "@10.66.2.20:7001;transport=tls;lr" in row["path"]
    time.sleep(0.4)  # written behind
    for again in (False, True):
        if again:
            site.kill_signalling()
            site.wait_zone()
        mark, marked = alice.mark(), bob.mark()
        alice.dial(f"sip:bob@{DOMAIN}")
        assert alice.wait("CALL_ESTABLISHED", since=mark) is not None, site.folder
        assert bob.wait("CALL_ESTABLISHED", since=marked) is not None
        if transport == "tcp":  # with UDP its RTP leaves from another address of this one host, which the edge refuses
            wait_for(lambda: (stats := alice.stats()) is not None and stats.received > 5, 4.0, "alice hears nothing")
        alice.hang_up()
        assert bob.wait("CALL_CLOSED", since=marked) is not None
    mark, marked = alice.mark(), bob.mark()
    bob.dial(f"sip:alice@{DOMAIN}")
    assert bob.wait("CALL_ESTABLISHED", since=marked) is not None
    assert alice.wait("CALL_ESTABLISHED", since=mark) is not None
    bob.hang_up()
    assert alice.wait("CALL_CLOSED", since=mark) is not None
    assert not [each for each in bob._events[1:] if str(each.get("type")).startswith("REGISTER")][1:]


def test_a_wrong_password_at_an_edge_without_users(site: RegistrarSite, edge: None) -> None:
    text = register(1, 60, auth=False) + expect(401, auth="true")
    text += register(2, 60).replace("password=secret-bob", "password=guessed") + expect(401)
    site.sipp("wrong", text, remote=f"{EDGE}:5060")
    assert not site.registrations("bob")
