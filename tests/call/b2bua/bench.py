"""One core whose calls all go through the B2BUA, with user agents inside on UDP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seaway.core.sip.dialog import Dialog
from seaway.core.sip.io import Hop
from seaway.policy.zone_settings import DefaultZone, ZoneSettings

from ...support.messages import sdp
from ...support.net import Network
from ...support.nodes import CORE, FakeRelay, control, node, users
from ...support.ua import Came, Sent, Ua

__all__ = ["ALICE", "BOB", "CAROL", "DAVE", "Bench"]

ALICE, BOB, CAROL, DAVE = "10.0.0.20", "10.0.0.30", "10.0.0.40", "10.0.0.50"
_PLACES = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE}
SETTINGS = ZoneSettings(authentication="check", b2bua="always")


class Bench:
    """`network`: loss, seed and so on of the virtual network; the rest changes the node's configuration."""

    def __init__(self, settings: ZoneSettings = SETTINGS, seed: int = 1, network: Any = None, **changes: Any) -> None:
        self.net = Network(seed)
        changes.setdefault("default_zone", DefaultZone(settings))
        changes.setdefault("local_zone", replace(settings, authentication="check"))
        self.core = control(seed, users=users(*_PLACES), **changes)
        self.host = node(self.net, self.core, name="core1")
        self.relay = self.host.relay = FakeRelay(CORE)  # type: ignore[assignment]
        self.core.media_ready(self.net.now)
        self.net.drain(self.host)
        self.net.run(0.1)
        self.uas: dict[str, Ua] = {}
        for name, value in (network or {}).items():
            setattr(self.net, name, value)

    def ua(self, user: str, transport: str = "udp", **more: Any) -> Ua:
        loss, self.net.loss = self.net.loss, 0.0
        port = 5061 if transport == "tls" else 5060
        ua = Ua(self.net, user, (_PLACES[user], 5060), Hop(transport, CORE, port, "inner"), **more)  # type: ignore[arg-type]
        assert ua.register() == 200, ua.registered
        self.net.loss = loss
        self.uas[user] = ua
        return ua

    def calling(self, offer: bytes | None = None, *headers: str) -> tuple[Ua, Ua, Sent, Came]:
        """Alice calls Bob; Bob has got the INVITE."""
        alice, bob = self.ua("alice"), self.ua("bob")
        sent = alice.start(bob.uri, sdp(ALICE, 30000) if offer is None else offer, *headers)
        return alice, bob, sent, bob.take("INVITE")

    def talking(self, *headers: str) -> tuple[Ua, Ua, Dialog, Dialog]:
        """A call that is up: the dialogs of Alice and of Bob."""
        alice, bob, sent, came = self.calling(None, *headers)
        bob.reply(came, 180)
        self.net.run(0.1)
        bob.reply(came, 200, sdp(BOB, 40000))
        self.net.run(0.5)
        assert sent.final == 200
        return alice, bob, next(each for tag, each in sent.dialogs.items() if tag in sent.acked), bob.dialog(came)

    def calls(self) -> list[dict[str, object]]:
        return self.core.snapshot("calls", self.net.now)

    def history(self) -> list[dict[str, object]]:
        return self.core.snapshot("history", self.net.now)

    def over(self, wait: float = 70.0) -> None:
        """Nothing is left: no call, no dialog, no timer, no session in the relay, no transaction."""
        self.net.run(wait)
        assert not self.calls()
        b2bua = self.core._b2bua
        assert len(b2bua) == 0 and not b2bua._legs, b2bua._legs
        b2bua._stack.timers.next_deadline()
        assert len(b2bua._stack.timers) == 0
        assert not self.relay.sessions
        assert len(self.relay.closed) == len(set(self.relay.closed))
        assert not self.core._anchor._held and not self.core._anchor._calls
        assert len(self.core._proxy.layer) == 0
        assert not any(ua.defects for ua in self.uas.values())
