"""The session description in the body of a message: the body itself, or one part of a multipart (RFC 5621 §4)."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.sdp.errors import SdpError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Message
from seaway.wire.sip.multipart import Part, media_type_of, parse_multipart

__all__ = ["SDP_TYPE", "Description", "described_by", "description_of", "has_sdp"]

SDP_TYPE = b"application/sdp"
_SEALED = frozenset((b"multipart/signed", b"multipart/encrypted"))
_PLAIN = frozenset((b"", b"7bit", b"8bit", b"binary"))


@dataclass(frozen=True, slots=True)
class Description:
    """`sdp` are its octets. In a multipart, `pieces` are what stands before and after it, and `others` the types of
    the other parts that must be understood (`handling=required`, also when they do not say)."""

    sdp: bytes
    pieces: tuple[bytes, ...] = ()
    others: tuple[bytes, ...] = ()

    def filled(self, sdp: bytes) -> bytes:
        """The body with `sdp` in its place; every other octet stays, but for the part's own Content-Length."""
        if not self.pieces:
            return sdp
        if len(self.pieces) == 2:
            return self.pieces[0] + sdp + self.pieces[1]
        before, between, after = self.pieces
        return b"%s%d%s%s%s" % (before, len(sdp), between, sdp, after)


def has_sdp(message: Message) -> bool:
    """Whether the body has a session description, or may have one that cannot be reached."""
    content = message.get(b"content-type")
    if not message.body or content is None:
        return False
    if content == SDP_TYPE:
        return True
    media_type = media_type_of(content)
    if not media_type.startswith(b"multipart/"):
        return media_type == SDP_TYPE
    try:
        return description_of(message) is not None
    except SdpError:
        return True


def description_of(message: Message) -> Description | None:
    """The description of a session in `message`. Raises `SdpError`: 400 for a multipart that cannot be read, 415 for a
    description that is coded, or not for the session, 488 for two, or one under a signature."""
    content = message.get(b"content-type")
    if not message.body or content is None:
        return None
    media_type = media_type_of(content)
    if media_type == SDP_TYPE:
        return Description(message.body)
    if not media_type.startswith(b"multipart/"):
        return None
    try:
        parts = parse_multipart(content, message.body)
    except SipError as error:
        raise SdpError(error.what, status=error.status, section=error.section) from None
    found = [part for part in parts if part.media_type == SDP_TYPE]
    if not found:
        return None
    for part in found:
        _check(part)
    if len(found) > 1:
        raise SdpError("a multipart body has more than one description", status=488, section="RFC 5621 §4")
    (part,) = found
    others = tuple(each.media_type for each in parts if each is not part and not each.optional)
    sdp = message.body[part.start : part.end]  # its last line often ends with the delimiter's CRLF alone
    return Description(sdp if sdp.endswith(b"\n") else sdp + b"\r\n", _pieces(message.body, part), others)


def described_by(message: Message) -> Description:
    """The same, where there must be one: 400 else."""
    found = description_of(message)
    if found is None:
        raise SdpError("the body has no description", section="RFC 5621 §4")
    return found


def _check(part: Part) -> None:
    if _SEALED.intersection(part.within):
        raise SdpError("a description under a signature cannot be changed", status=488, section="RFC 5621 §4")
    if part.disposition not in (b"", b"session"):  # early-session (RFC 3959) too leads media somewhere
        raise SdpError("a description in a multipart body is not for the session", status=415, section="RFC 5621 §8")
    if part.encoding not in _PLAIN or part.coded:
        raise SdpError("a description in a multipart body is encoded", status=415, section="RFC 5621 §4")
    if part.start == part.end:
        raise SdpError("a description in a multipart body is empty", section="RFC 5621 §4")


def _pieces(body: bytes, part: Part) -> tuple[bytes, ...]:
    if part.length is None:
        return body[: part.start], body[part.end :]
    first, last = part.length
    return body[:first], body[last : part.start], body[part.end :]
