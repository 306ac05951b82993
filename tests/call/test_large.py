"""Who is asked over TCP for a large request: neighbours and contacts, but no phone that registered over UDP."""

from __future__ import annotations

from seaway.call.config import NeighbourZone, Rule

from ..support.messages import as_request, sdp
from ..support.net import Network
from ..support.nodes import CORE, control, node
from ..support.phone import Hop, Phone

LONG = sdp("10.0.0.20", 41000) + b"a=x:" + b"y" * 1400 + b"\r\n"


def firsts(net: Network) -> list[tuple[str, str]]:
    sent = [each for each in net.wire if each.source == "core1" and each.data.startswith(b"INVITE")]
    return [(each.transport, as_request(each.data).require(b"via").split(b" ")[0].decode()) for each in sent]


def test_a_neighbour_over_udp_and_a_registered_phone() -> None:
    net = Network(3)
    rules = (Rule(10, ".*@example\\.test", "registrations"), Rule(20, ".*", "calls"))
    host = node(net, control(neighbours=(NeighbourZone("calls", ("10.0.0.50",), 5060, "udp"),), rules=rules))
    phones = []
    for user, address in (("alice", "10.0.0.20"), ("bob", "10.0.0.21")):
        phone = Phone(net, user, (address, 5060), Hop("udp", CORE, 5060, "inner"))
        assert phone.register() == 200
        phones.append(phone)
    alice, bob = phones
    bob.script = [(0.1, 200, sdp("10.0.0.21", 40000))]
    dialog = alice.call("sip:bob@example.test", LONG)
    net.run(3)
    assert dialog.statuses[-1] == 200
    alice.invite(dialog, LONG)  # inside the dialog as well
    net.run(3)
    assert firsts(net) == [("udp", "SIP/2.0/UDP")] * 2 and not host.dials
    alice.call("sip:x@elsewhere.test", LONG)
    net.run(3)
    assert [(hop.transport, hop.host) for _, hop in host.dials] == [("tcp", "10.0.0.50")]
    assert firsts(net)[2:][:1] == [("udp", "SIP/2.0/UDP")], "nobody listens on TCP there"
