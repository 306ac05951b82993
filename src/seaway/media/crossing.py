"""A packet on its way through a relay: opened where it comes in, sealed where it leaves, as the legs' shields say."""

from __future__ import annotations

from collections.abc import Callable

from seaway.media.fast import FastFlows
from seaway.media.latch import Verdict
from seaway.media.legs import ComponentState
from seaway.media.protection import Shield, crosses
from seaway.wire.rtp.classify import PacketClass
from seaway.wire.rtp.packet import is_rtp
from seaway.wire.rtp.rtcp import has_app, is_rtcp

__all__ = ["Crossing", "well_formed"]


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
        if component.opaque:  # has no header to go by, so no key can be meant for it
            return None if shield.keyed else data
        if kind is PacketClass.DTLS:
            return None
        turns = shield.turns
        opened = shield.receive(data, self._fast.passed(component), rtcp=kind is PacketClass.RTCP)
        if opened is None:
            component.counter.unauthenticated += 1
        elif shield.turns != turns:
            self._note(component.session.name)
        return opened

    def leave(self, component: ComponentState, peer: ComponentState, kind: PacketClass, data: bytes) -> bytes | None:
        """What came in at `component`, as `peer` sends it; `None`: it must not leave."""
        if component.paused and (kind is PacketClass.RTP or (kind is PacketClass.RTCP and has_app(data))):
            component.counter.paused += 1
            return None
        if not crosses(component.shield, peer.shield):
            return None
        shield = peer.shield
        if shield is None or not shield.opens:
            return data
        if component.opaque:
            return None if shield.keyed else data
        turns = shield.turns
        sealed = shield.send(data, rtcp=kind is PacketClass.RTCP)
        if shield.turns != turns:
            self._note(peer.session.name)
        return sealed


def well_formed(kind: PacketClass, data: bytes, component: ComponentState) -> bool:
    """RTP on the RTP port only; RTCP on both (RFC 5761 puts it on the RTP port); DTLS records on both. Of a stream that
    is no RTP anything."""
    if component.opaque:
        return True
    if kind is PacketClass.RTP:
        return component.component == "rtp" and is_rtp(data)
    if kind is PacketClass.RTCP:
        return is_rtcp(data)
    return kind is PacketClass.DTLS and len(data) >= 13  # a record header, RFC 6347 §4.1
