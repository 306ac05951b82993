"""An INVITE with Replaces that names a dialog of ours (RFC 3891): its sender takes the place of that dialog's peer."""

from __future__ import annotations

from seaway.call.b2bua.leg import Leg
from seaway.call.b2bua.reinvite import ReInvite
from seaway.call.zones import Zone
from seaway.core.sip.context import Context
from seaway.core.sip.dialog import Dialog
from seaway.core.sip.session_timer import SessionTimer

__all__ = ["Takeover"]

Headers = tuple[tuple[bytes, bytes], ...]


class Takeover(ReInvite):
    """`replaced` goes, the leg at its other end stays and gets the offer of the new one in a re-INVITE."""

    def __init__(self, replaced: Leg, context: Context, zone: Zone, now: float) -> None:
        stays, call, stack = replaced.peer, replaced.call, replaced.stack
        assert stays is not None
        self._replaced = replaced
        self._old = (stays.media, stays.side)
        flow = None if zone.traversal else context.flow
        self._record = stack.anchor.open(
            context.call_id, context.request.require(b"from"), flow, (zone, stays.zone),
            stack.anchor.legs(zone, context.flow, stays.zone, stays.source), b"transfer", now, call,
            stays.source,
        )  # fmt: skip
        stack.secure(self._record, zone, stays.zone)
        leg = Leg(
            call, stack, Dialog.as_uas(context.request, stack.tag()), zone, context.payload,
            stack.contact(context.flow), "a", SessionTimer(stack.wishes(zone)),
        )  # fmt: skip
        leg.media, leg.source, leg.peer = self._record, context.flow, stays
        leg.authenticated = context.authenticated
        leg.learn(context.request)
        stays.media, stays.side, stays.peer = self._record, "b", leg
        call.add(leg)
        super().__init__(leg, stays, context)

    def settled(self, now: float) -> None:
        self.leg.dialog.confirm()
        self._replaced.peer = None
        self._replaced.bye(now, ((b"Reason", b'SIP ;cause=200 ;text="Replaced"'),))
        self.leg.call.take_record(self._record, "replaced", now)
        self.stack.anchor.answered(self._record, now)

    def undone(self, now: float) -> None:
        stays = self.other
        stays.media, stays.side = self._old
        stays.peer = self._replaced
        self._record.agent = None
        self.stack.anchor.end(self._record, "the dialog could not be replaced", now)
        self.leg.close()

    def abandon(self, status: int, headers: Headers, now: float) -> None:
        super().abandon(status, headers, now)
        if self.leg.media is self._record and self.leg.call.record is not self._record:
            self._record.agent = None
            self.stack.anchor.end(self._record, "the call ended", now)
