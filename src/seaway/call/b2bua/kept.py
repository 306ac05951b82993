"""What outlives the signalling process of a call that is up: its two dialogs, in the label of its media session.

The relay keeps the label (`media/protocol.py`); the next process takes the call over from it. Keys, and requests that
were under way, are not in it: the peers repeat those.
"""

from __future__ import annotations

from base64 import b85decode, b85encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zlib import compress, decompressobj
from zlib import error as ZlibError

from seaway.call.b2bua.call import B2buaCall
from seaway.call.b2bua.leg import Leg
from seaway.call.record import Call
from seaway.call.zones import Zone
from seaway.core.sip.dialog import Dialog, DialogState
from seaway.core.sip.session_timer import SessionTimer

if TYPE_CHECKING:
    from seaway.call.b2bua.agent import B2bua
    from seaway.call.b2bua.stack import Stack

__all__ = ["describe", "revived"]

MAX_LABEL = 8000  # characters; the relay takes 8192
_SKIPPED = 1000  # CSeq numbers that may have been used since
_MOST_SDP = 65_536


def describe(call: B2buaCall) -> str | None:
    """The label of `call`; `None` while it has not two dialogs that are up, or when they are too much to say."""
    legs = [leg for leg in call.legs if leg.confirmed and leg.peer is not None and leg.media is call.record]
    if len(legs) != 2 or legs[0].peer is not legs[1]:
        return None
    for with_sdp in (True, False):
        label = call.record.label([_leg(leg, with_sdp) for leg in legs])
        if len(label) <= MAX_LABEL:
            return label
    return None


def _leg(leg: Leg, with_sdp: bool) -> dict[str, object]:
    dialog = leg.dialog
    return {
        "zone": leg.zone.name,
        "authenticated": leg.authenticated,
        "payload": _text(leg.payload),
        "contact": _text(leg.contact),
        "side": leg.side,
        "call_id": _text(dialog.call_id),
        "local": _text(dialog.local),
        "local_tag": _text(dialog.local_tag),
        "remote": _text(dialog.remote),
        "remote_tag": _text(dialog.remote_tag),
        "target": _text(dialog.target),
        "routes": [_text(each) for each in dialog.routes],
        "uac": dialog.uac,
        "seqs": [dialog.local_seq, dialog.remote_seq],
        "allow": [_text(each) for each in sorted(leg.allow)][:20],
        "timer": [leg.timer.interval, leg.timer.ours],
        "origin": leg.origin.state,
        "sdp": b85encode(compress(leg.local_sdp)).decode("ascii") if with_sdp else "",
    }


def revived(
    agent: B2bua, stack: Stack, record: Call, zone_of: Callable[[str], Zone | None], now: float
) -> tuple[B2buaCall, Leg, Leg] | None:
    """The call that `record` was taken over with, and its legs; `None` when its label makes none."""
    call = B2buaCall(agent)
    call.record = record
    try:
        found = [_made(call, stack, data, zone_of, now) for data in record.kept]  # type: ignore[attr-defined]
        one, other = found
    except (KeyError, TypeError, ValueError, ZlibError, AttributeError):
        return None
    if one.side == other.side:
        return None
    one.peer, other.peer = other, one
    return call, one, other


def _made(call: B2buaCall, stack: Stack, data: Any, zone_of: Callable[[str], Zone | None], now: float) -> Leg:
    zone = zone_of(data["zone"])
    if zone is None or data["side"] not in ("a", "b"):
        raise ValueError("zone")
    local_seq, remote_seq = (None if each is None else _number(each) for each in data["seqs"])
    dialog = Dialog(
        _octets(data["call_id"]), _octets(data["local"]), _octets(data["local_tag"]), _octets(data["remote"]),
        _octets(data["remote_tag"]), _octets(data["target"]), [_octets(each) for each in data["routes"]],
        uac=bool(data["uac"]), local_seq=(local_seq or 0) + _SKIPPED, remote_seq=remote_seq,
    )  # fmt: skip
    dialog.state = DialogState.CONFIRMED
    timer = SessionTimer(stack.wishes(zone))
    interval, timer.ours = data["timer"]
    timer.interval, timer.since = _number(interval), now
    leg = Leg(call, stack, dialog, zone, _octets(data["payload"]), _octets(data["contact"]), data["side"], timer)
    leg.allow = frozenset(_octets(each) for each in data["allow"])
    leg.authenticated = data.get("authenticated") is True
    leg.offers.done = 1
    leg.origin.state = data["origin"]
    if data["sdp"]:
        leg.local_sdp = decompressobj().decompress(b85decode(data["sdp"]), _MOST_SDP)
    return leg


def _number(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError("number")
    return value


def _text(octets: bytes) -> str:
    return octets.decode("latin-1")


def _octets(text: str) -> bytes:
    return text.encode("latin-1")
