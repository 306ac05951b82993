"""REFER (RFC 3515) by policy: carried to the other leg, dealt with here (`transfer.py`), or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seaway.call.b2bua.headers import hide_place
from seaway.call.b2bua.relay import pass_on
from seaway.call.b2bua.transfer import Transfer
from seaway.core.sip.context import Context
from seaway.core.sip.dialog import cseq_number
from seaway.wire.sip.nameaddr import parse_nameaddr

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["notify", "refer"]


def refer(leg: Leg, context: Context, now: float) -> None:
    """A REFER came inside the dialog of `leg`. Raises `SipError`."""
    stack, request = leg.stack, context.request
    policy = stack.config.refer
    if policy == "refuse" or not leg.confirmed or leg.peer is None:
        stack.respond(context, 403 if policy == "refuse" else 491, now)
        return
    if request.names.count(b"refer-to") != 1:
        stack.respond(context, 400, now)  # RFC 3515 §2.4.1
        return
    target = parse_nameaddr(request.require(b"refer-to"))
    if policy == "handle":
        Transfer(leg, context, target).start(now)
        return
    extra = [(b"Refer-To", b"<" + target.uri + b">")]
    referrer = request.get(b"referred-by")
    if referrer is not None:
        extra.append((b"Referred-By", hide_place(referrer, stack.domain)))
    pass_on(leg, context, now, tuple(extra))
    if leg.peer.dialog.local_seq is not None and len(leg.peer.refer_ids) < 16:
        leg.peer.refer_ids[b"%d" % leg.peer.dialog.local_seq] = b"%d" % cseq_number(request)


def notify(leg: Leg, context: Context, now: float) -> None:
    """A NOTIFY for a REFER that was carried over: its `id` is the CSeq of the REFER on the other leg (RFC 3515
    §2.4.6), and of its body only the status line is for the other side."""
    request = context.request
    event = request.get(b"event")
    if event is not None:
        name, _, number = event.partition(b";id=")
        if number in leg.refer_ids:
            index = request.names.index(b"event")
            request.lines[index] = b"Event: " + name + b";id=" + leg.refer_ids[number]
    content = request.get(b"content-type") or b""
    if content.lower().startswith(b"message/sipfrag") and request.body:
        request.body = request.body.partition(b"\r\n")[0] + b"\r\n"
    pass_on(leg, context, now)
