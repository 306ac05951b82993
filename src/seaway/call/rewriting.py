"""A description on its way through the relay: what the relay is told of its sender, and the octets that go on."""

from __future__ import annotations

from seaway.call.directions import directions_of
from seaway.call.held import Held
from seaway.call.hold import undo_null_hold
from seaway.call.legs import Legs, check_families
from seaway.call.rates import Rates
from seaway.call.sdp_anchor import read_remote, remotes_of, write_local
from seaway.media.protocol import Command

__all__ = ["rewrite"]


def rewrite(held: Held, legs: Legs, rates: Rates) -> tuple[list[Command], bytes]:
    """The commands, and the body of the message, once there is a stream for each media description. Raises `WireError`
    and `NoBandwidth`."""
    call, side, sdp = held.call, held.side, held.sdp
    undo_null_hold(sdp, held.described.sdp)
    remote = read_remote(sdp)
    said = directions_of(sdp, sealed=not call.security.ends)
    if held.edit is not None:
        held.edit(sdp)
    rates.adapt(call.session, call.places, sdp)
    security = call.security.described(call.session, sdp, side, answer=held.answer)
    check_families(remote, call.streams, side)
    towards = [legs.as_seen(each.b if side == "a" else each.a) for each in call.streams[: len(sdp.media)]]
    body = write_local(sdp, towards, call.last_edit)
    hints = remotes_of(call.session, side, remote, held.source)
    pauses = call.directions.described(call.session, side, said, answer=held.answer)
    return [*security, *hints, *pauses], held.described.filled(body)
