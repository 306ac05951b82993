"""A packet on its way through a relay: opened where it comes in, sealed where it leaves, as the legs' shields say."""

from __future__ import annotations

from collections.abc import Callable

from seaway.media.fast import FastFlows
from seaway.media.latch import Verdict
from seaway.media.legs import ComponentState
from seaway.media.protection import Shield, crosses
from seaway.wire.rtp.classify import PacketClass

__all__ = ["Crossing"]


class Crossing:
    """`note` is called with the name of a session whose packet indexes a later process has to know."""

    def __init__(self, fast: FastFlows, note: Callable[[str], None]) -> None:
        self._fast = fast
        self._note = note

    def enter(
        self, component: ComponentState, shield: Shield, kind: PacketClass, data: bytes, verdict: Verdict
    ) -> bytes | None:
        """A packet from an admitted source, as it is to go on; `None`: it does not count."""
        if kind is PacketClass.STUN:  # ends here; a stranger to the keys must not open the way with it
            return data if verdict is Verdict.ACCEPTED or not shield.keyed else None
        if kind is PacketClass.DTLS:
            return None
        turns = shield.turns
        opened = shield.receive(data, self._fast.passed(component), rtcp=kind is PacketClass.RTCP)
        if opened is None:
            component.counter.unauthenticated += 1
        elif shield.turns != turns:
            self._note(component.session.name)
        return opened

    def leave(self, component: ComponentState, kind: PacketClass, data: bytes) -> bytes | None:
        """What came in at `component`, as its peer sends it; `None`: it must not leave."""
        peer = component.peer
        if peer is None or not crosses(component.shield, peer.shield):
            return None
        shield = peer.shield
        if shield is None or not shield.opens:
            return data
        turns = shield.turns
        sealed = shield.send(data, rtcp=kind is PacketClass.RTCP)
        if shield.turns != turns:
            self._note(peer.session.name)
        return sealed
