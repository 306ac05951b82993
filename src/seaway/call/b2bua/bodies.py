"""Multipart bodies at the B2BUA: inside a dialog it takes the description out, and what must be understood beside it is
refused (RFC 5621 §8). A new INVITE carries its other parts along (`inviting.py`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from seaway.call.description import SDP_TYPE, description_of
from seaway.core.sip.context import Context
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sip.message import Message, Response

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["NOT_TAKEN", "taken", "unwrap", "unwrap_if_readable"]

NOT_TAKEN = ((b"Accept", SDP_TYPE),)
"""Header fields of a 415 (RFC 3261 §21.4.13)."""


def unwrap(message: Message) -> None:
    """Let a description be the whole body. Raises `SdpError`: 415 also when another part must be understood."""
    described = description_of(message)
    if described is None or not described.pieces:
        return
    if described.others and not isinstance(message, Response):
        kind = described.others[0].decode("latin-1")
        raise SdpError(f"part {kind[:60]} must be understood, and is not", status=415, section="RFC 5621 §8")
    for name in (b"content-disposition", b"content-encoding", b"content-language"):
        message.remove(name)
    message.set_body(described.sdp, SDP_TYPE)


def unwrap_if_readable(message: Message) -> None:
    """The same for what cannot be refused; a body that stays as it is fails where its description is read."""
    with suppress(SdpError):
        unwrap(message)


def taken(leg: Leg, context: Context, now: float) -> bool:
    """`unwrap` a request inside the dialog of `leg`; false: it was refused."""
    try:
        unwrap(context.request)
    except SdpError as error:
        leg.stack.log("b2bua.body_refused", "warning", why=str(error), status=error.status)
        leg.stack.respond(context, error.status, now, headers=NOT_TAKEN if error.status == 415 else ())
        return False
    return True
