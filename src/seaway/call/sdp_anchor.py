"""SDP of an anchored call: read where one side wants its media, write where the other side shall send it.

Between core and edge each media description carries `a=x-seaway-media:1 ufrag=... pwd=...`, written by the edge: the
credential with which the core proves that a flow to the demultiplexing ports is its own (docs/traversal-media.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from seaway.media.protocol import Address, LegAddress, LegName, SetRemote
from seaway.wire.digits import parse_digits
from seaway.wire.endpoint import canonical
from seaway.wire.errors import WireError
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.media import Media
from seaway.wire.sdp.session import Session

__all__ = ["ATTRIBUTE", "RemoteMedia", "not_carried", "read_remote", "remotes_of", "write_local"]

ATTRIBUTE = b"x-seaway-media"
_DROPPED = frozenset(
    (
        b"candidate", b"end-of-candidates", b"ice-ufrag", b"ice-pwd", b"ice-lite", b"ice-options", b"ice-pacing",
        b"remote-candidates", b"rtcp-mux", b"rtcp-mux-only", b"rtcp", b"group", b"mid", b"bundle-only", ATTRIBUTE,
    )
)  # fmt: skip
"""Attributes that would lead media past the relay (ICE, bundling) or that the relay decides itself."""

_MAX_CLOCKS = 16
_MAX_SSRCS = 64


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """What one media description says of its sender. `None` in place of it: the stream is refused or stopped."""

    rtp: Address
    rtcp: Address
    ufrag: str | None = None
    password: str | None = field(default=None, repr=False)
    clocks: tuple[tuple[int, int], ...] = ()  # payload type -> Hz
    ssrcs: tuple[int, ...] = ()
    opaque: bool = False  # no RTP


def read_remote(session: Session) -> list[RemoteMedia | None]:
    """One entry per media description. Raises `SdpError` when a running stream has no address."""
    found: list[RemoteMedia | None] = []
    for index, media in enumerate(session.media):
        if not media.enabled or not _relayable(media):
            found.append(None)
            continue
        connection = session.connection_of(index)
        if connection is None:
            raise SdpError("a media description has no c= line", status=488, section="RFC 8866 §5.7")
        host = canonical(connection.address)
        if host in ("0.0.0.0", "::"):  # held: it says nothing of where the sender is
            found.append(None)
            continue
        rtcp_port, rtcp_host = media.rtcp or (min(media.port + 1, 65535), None)
        credential = media.attribute(ATTRIBUTE)
        ufrag, password = _credential(credential) if credential is not None else (None, None)
        found.append(
            RemoteMedia(
                (host, media.port),
                (canonical(rtcp_host) if rtcp_host else host, rtcp_port),
                ufrag,
                password,
                _clocks(media),
                _ssrcs(media),
                b"RTP/" not in media.proto.upper(),
            )
        )
    return found


def remotes_of(
    session: str, side: LegName, remote: Sequence[RemoteMedia | None], source: str | None
) -> Iterator[SetRemote]:  # fmt: skip
    """What the relay is told of the media of `side`; `source`: the address of an endpoint's own signalling."""
    for index, each in enumerate(remote):
        if each is not None:
            allowed = {each.rtp[0], *((source,) if source else ())}
            yield SetRemote(
                session, index, side, each.rtp, each.rtcp, tuple(sorted(allowed)), each.ufrag, each.password,
                each.clocks, each.ssrcs, each.opaque,
            )  # fmt: skip


def not_carried(session: Session) -> list[str]:
    """The running media descriptions that the relay cannot carry: they are passed on with port 0 (RFC 3264 §6)."""
    return [
        f"{media.kind.decode('latin-1')} {media.proto.decode('latin-1')}"
        for media in session.media
        if media.enabled and not _relayable(media)
    ]


def write_local(
    session: Session, addresses: list[LegAddress], last: Callable[[Session, list[LegAddress]], None] | None = None
) -> bytes:
    """Exchange all addresses and ports in `session` for ours, one `LegAddress` per media description; `last` edits it
    when they are in place."""
    for media, local in zip(session.media, addresses, strict=True):
        media.remove_attributes(_DROPPED)
        if not media.enabled or not _relayable(media):
            media.set_port(0)
            continue
        media.set_connection(local.rtp[0])
        media.set_port(local.rtp[1])
        media.set_rtcp(local.rtcp[1], local.rtcp[0] if local.rtcp[0] != local.rtp[0] else None)
        if local.ufrag is not None and local.password is not None:
            media.add_attribute(ATTRIBUTE, f"1 ufrag={local.ufrag} pwd={local.password}".encode())
    session.remove_attributes(_DROPPED)
    if addresses:
        session.set_origin_address(addresses[0].rtp[0])
        if session.connection is not None:
            session.set_connection(addresses[0].rtp[0])
    if last is not None:
        last(session, addresses)
    return session.serialise()


def _clocks(media: Media) -> tuple[tuple[int, int], ...]:
    """RTP clocks of the payload types, for statistics; a malformed `a=rtpmap` costs no call."""
    try:
        return tuple((each.payload, each.clock) for each in media.rtpmaps()[:_MAX_CLOCKS])
    except SdpError:
        return ()


def _ssrcs(media: Media) -> tuple[int, ...]:
    """`a=ssrc:NUMBER ...`, each once (RFC 5576 §4.1); what is no number is left out."""
    found: dict[int, None] = {}
    for value in media.attributes(b"ssrc")[: 4 * _MAX_SSRCS]:
        with suppress(WireError):
            found[parse_digits(value.partition(b" ")[0], maximum=2**32 - 1)] = None
    return tuple(found)[:_MAX_SSRCS]


def _relayable(media: Media) -> bool:
    """Whether the relay can carry it: anything over UDP, one port."""
    return media.count == 1 and not media.proto.upper().startswith(b"TCP")


def _credential(value: bytes) -> tuple[str, str]:
    version, _, rest = value.partition(b" ")
    fields = dict(part.partition(b"=")[::2] for part in rest.split(b" "))
    ufrag, password = fields.get(b"ufrag"), fields.get(b"pwd")
    if version != b"1" or not ufrag or not password or not (ufrag + password).isalnum():
        raise SdpError("a=x-seaway-media cannot be read", status=488)
    return ufrag.decode("ascii"), password.decode("ascii")
