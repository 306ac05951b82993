"""What comes inside the dialogs of a call: each method to where it is dealt with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seaway.call.b2bua.bodies import taken
from seaway.call.b2bua.headers import passed, unreadable
from seaway.call.b2bua.prack import answer_prack
from seaway.call.b2bua.refer import notify, refer
from seaway.call.b2bua.reinvite import reinvite, update
from seaway.call.b2bua.relay import pass_on, update_peer
from seaway.core.sip.context import Context

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["midcall"]

_OFFERS = frozenset((b"INVITE", b"UPDATE", b"PRACK"))


def midcall(leg: Leg, context: Context, now: float) -> None:
    """A request inside the dialog of `leg`; not ACK, not CANCEL. Raises `SipError`."""
    request, stack = context.request, leg.stack
    if not leg.dialog.in_order(request):
        stack.respond(context, 500, now)  # RFC 3261 §12.2.2
        return
    leg.source = context.flow
    method = request.method
    if method in _OFFERS and unreadable(request):
        stack.refuse_body(context, now)
    elif method in _OFFERS and not taken(leg, context, now):
        return
    elif method == b"BYE":
        _bye(leg, context, now)
    elif method == b"PRACK":
        answer_prack(leg, context, now)
    elif method == b"INVITE":
        if leg.confirmed:
            reinvite(leg, context, now)
        else:
            stack.respond(context, 500, now, headers=stack.retry_after())
    elif method == b"UPDATE":
        if not update(leg, context, now):
            update_peer(leg, context, now)
    elif method == b"REFER":
        refer(leg, context, now)
    elif method == b"NOTIFY":
        notify(leg, context, now)
    elif method in (b"SUBSCRIBE", b"PUBLISH", b"REGISTER"):
        stack.respond(context, 405, now, headers=leg.contact_headers()[1:2])
    else:
        pass_on(leg, context, now)


def _bye(leg: Leg, context: Context, now: float) -> None:
    call = leg.call
    leg.stack.respond(context, 200, now)
    if leg.transfer is not None:  # it need not wait for the end of what it asked for
        leg.transfer.left(now)
        leg.close()
        return
    if leg.peer is None:  # it was taken out of the call by a transfer
        leg.close()
        return
    headers = tuple(each for each in passed(context.request) if each[0].lower() == b"reason")
    if leg.confirmed:
        leg.close()
    call.end(f"hung up by the {'caller' if leg.side == 'a' else 'callee'}", now, headers=headers)
