"""SIP over WebSocket in call control (RFC 7118): names that resolve nowhere, and which transport is named where."""

from __future__ import annotations

import pytest

from seaway.call.config import Listener

from ..support.messages import as_request, header, sdp
from ..support.net import Network
from ..support.nodes import CORE, config, control, node
from ..support.phone import Hop, Phone


class Browser(Phone):
    """Cannot know its own address (RFC 7118 §5)."""

    @property
    def contact_uri(self) -> str:
        return f"sip:{self.user}@df7jal23ls0d.invalid;transport=ws"


def lab() -> tuple[Network, Browser, Phone]:
    net = Network(3)
    listeners = (*config().listeners, Listener("wss", (CORE, 7443), (CORE, 7443), "inner", "Y11-02"))
    node(net, control(listeners=listeners))
    browser = Browser(net, "alice", ("10.0.0.20", 40000), Hop("wss", CORE, 7443, "inner"))
    phone = Phone(net, "bob", ("10.0.0.21", 5060), Hop("udp", CORE, 5060, "inner"))
    assert browser.register() == 200 and phone.register() == 200
    return net, browser, phone


@pytest.mark.parametrize("browser_calls", [True, False])
def test_a_call_between_a_browser_and_a_phone(browser_calls: bool) -> None:
    net, browser, phone = lab()
    caller, callee = (browser, phone) if browser_calls else (phone, browser)
    callee.script = [(0.1, 180, b""), (0.5, 200, sdp(callee.address[0], 40000))]
    dialog = caller.call(callee.uri, sdp(caller.address[0], 41000))
    net.run(3)
    assert dialog.statuses[-1] == 200 and callee.dialogs[dialog.call_id].acked
    invites = [each for each in net.wire if each.source == "core1" and each.data.startswith(b"INVITE")]
    (invite,) = [each.data for each in invites]
    routes = header(invite, "record-route")
    ws, plain = (routes[1], routes[0]) if browser_calls else (routes[0], routes[1])
    assert ws.endswith(f"@{CORE}:7443;transport=ws;lr>") and plain.endswith(f"@{CORE}:5060;lr>")
    assert header(invite, "via")[0].startswith("SIP/2.0/UDP " if browser_calls else f"SIP/2.0/WSS {CORE}:7443;")
    if not browser_calls:
        assert as_request(invite).uri == b"sip:alice@df7jal23ls0d.invalid;transport=ws"
    for hang_up in (callee,):
        hang_up.bye(hang_up.dialogs[dialog.call_id])
    net.run(2)
    assert callee.results[-1] == ("BYE", 200) and not browser.defects and not phone.defects


def test_a_browser_that_is_gone_is_not_looked_for_in_the_dns() -> None:
    net, browser, phone = lab()
    (host,) = [each for each in net.hosts if each.name == "core1"]
    (stream,) = host.streams.values()
    net._close(stream, host, "gone")
    net.run(1)
    dialog = phone.call(browser.uri, sdp("10.0.0.21", 41000))
    net.run(3)
    assert dialog.statuses[-1] == 480 and not host.dials
