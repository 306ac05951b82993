"""Requests that go to names: call control locates them, in the dialog and outside it."""

from __future__ import annotations

from seaway.core.dns.io import Srv

from ..support.messages import as_request, sdp
from ..support.net import Network
from ..support.nodes import CORE, control, node
from ..support.phone import Hop, Phone


def phones(names: dict[str, str]) -> tuple[Network, Phone, Phone]:
    net = Network(3)
    net.names.update(names)
    node(net, control())
    made = []
    for user, address in (("alice", "10.0.0.20"), ("bob", "10.0.0.21")):
        phone = Phone(net, user, (address, 5060), Hop("udp", CORE, 5060, "inner"))
        assert phone.register() == 200
        made.append(phone)
    return net, made[0], made[1]


class Named(Phone):
    """Gives a name as host of its Contact in calls."""

    @property
    def contact_uri(self) -> str:
        return f"sip:{self.user}@bob.phones.test"


def test_a_contact_with_a_name_gets_ack_and_bye_where_srv_says() -> None:
    net, alice, bob = phones({"host.phones.test": "10.0.0.21"})
    net.records["_sip._udp.bob.phones.test", "SRV"] = (Srv(1, 1, 5060, "host.phones.test"),)
    bob.__class__ = Named
    bob.script = [(0.1, 200, sdp("10.0.0.21", 40000))]
    dialog = alice.call("sip:bob@example.test", sdp("10.0.0.20", 41000))
    net.run(3)
    assert dialog.statuses[-1] == 200 and bob.dialogs[dialog.call_id].acked
    alice.bye(dialog)
    net.run(3)
    assert alice.results[-1] == ("BYE", 200)
    sent = [each.data for each in net.wire if each.source == "core1" and each.target == bob.user]
    (bye,) = [as_request(data) for data in sent if data.startswith(b"BYE")]
    assert bye.uri == b"sip:bob@bob.phones.test"


def test_a_contact_with_an_unknown_name_ends_in_480() -> None:
    net, alice, bob = phones({})
    bob.__class__ = Named
    bob.script = [(0.1, 200, sdp("10.0.0.21", 40000))]
    dialog = alice.call("sip:bob@example.test", sdp("10.0.0.20", 41000))
    net.run(3)
    alice.bye(dialog)
    net.run(3)
    assert alice.results[-1] == ("BYE", 480)
    (host,) = [each for each in net.hosts if each.name == "core1"]
    assert host.events("request.unlocated")[0]["why"] == "bob.phones.test has no usable address"
