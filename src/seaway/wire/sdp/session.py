"""Session descriptions: octets to `Session` and back (RFC 8866), and the shape of an answer (RFC 3264 §6).

Made for rewriting: lines are kept as they are, and only those that an edit names change. What an unknown line or
attribute means is nobody's business here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.media import Media
from seaway.wire.sdp.section import Connection, Section, address_type, parse_connection, strip_end

__all__ = ["DEFAULT_LIMITS", "SdpLimits", "Session", "answers", "check_answer", "parse_sdp"]


@dataclass(frozen=True, slots=True)
class SdpLimits:
    size: int = 65_536  # octets
    lines: int = 2000
    media: int = 64


DEFAULT_LIMITS = SdpLimits()


@dataclass(slots=True)
class Session(Section):
    """A session description: `lines` is the session part, `media` the media descriptions in order. Edit in place."""

    media: list[Media] = field(default_factory=list)

    @property
    def origin(self) -> bytes:
        """The value of `o=`, raw; empty when there is none."""
        found = self.values(b"o")
        return found[0] if found else b""

    def set_origin_address(self, address: str) -> None:
        """Exchange the address in `o=`; the rest of the line stays (RFC 8866 §5.2). Nothing without a full `o=`."""
        for index, line in enumerate(self.lines):
            if line.startswith(b"o="):
                parts = strip_end(line).split(b" ")
                if len(parts) >= 6:
                    parts[-2], parts[-1] = address_type(address), address.encode("ascii")
                    self.lines[index] = b" ".join(parts) + self._end(index)
                return

    def connection_of(self, index: int) -> Connection | None:
        """The connection that counts for `media[index]`: its own, else the session's (RFC 8866 §5.7)."""
        return self.media[index].connection or self.connection

    def direction_of(self, index: int) -> bytes:
        """Direction of `media[index]`: its own, else the session's, else `b"sendrecv"` (RFC 8866 §6.7)."""
        own = self.media[index].direction
        if own is not None:
            return own
        for name in (b"sendonly", b"recvonly", b"inactive"):
            if self.has(name):
                return name
        return b"sendrecv"

    def serialise(self) -> bytes:
        return b"".join(self.lines) + b"".join([line for media in self.media for line in media.lines])


def parse_sdp(data: bytes, limits: SdpLimits = DEFAULT_LIMITS) -> Session:
    """Read a session description; lines may end with CRLF or LF (RFC 8866 §5).

    Every `c=` and `m=` is checked; other lines only for the shape `x=...`. `o=`, `s=` and `t=` may be missing, as
    with some phones. Raises `SdpError`.
    """
    if len(data) > limits.size:
        raise SdpError(f"a session description is longer than {limits.size} octets", status=488)
    if b"\0" in data:
        raise SdpError("a session description holds a NUL octet", section="RFC 8866 §9")
    lines = data.split(b"\n")
    if len(lines) > limits.lines + 1:
        raise SdpError(f"a session description has more than {limits.lines} lines", status=488)
    last = lines.pop()
    lines = [line + b"\n" for line in lines]
    if last:
        lines.append(last)
    session = Session()
    current: Section = session
    blank = 0
    for number, line in enumerate(lines, 1):
        text = strip_end(line)
        if not text:
            blank = blank or number
            current.lines.append(line)
            continue
        if blank:
            raise SdpError("a blank line stands inside the session description", line=blank)
        if b"\r" in text:
            raise SdpError("a bare CR stands inside a line", line=number)
        if text[1:2] != b"=" or not b"a" <= text[:1] <= b"z":
            raise SdpError("a line does not begin with a letter and =", line=number)
        if number == 1 and text != b"v=0":
            raise SdpError("the first line is not v=0", line=number, section="RFC 8866 §5.1")
        if line.startswith(b"m="):
            if len(session.media) >= limits.media:
                raise SdpError(f"more than {limits.media} media descriptions", status=488, line=number)
            media = Media.parse(line, number)
            session.media.append(media)
            current = media
            continue
        if line.startswith(b"c="):
            parse_connection(text[2:], number)
        current.lines.append(line)
    if not session.lines or not session.lines[0].startswith(b"v="):
        raise SdpError("a session description is empty", section="RFC 8866 §5.1")
    return session


def check_answer(offer: Session, answer: Session) -> None:
    """Raise `SdpError` (488) unless `answer` has the shape of an answer to `offer` (RFC 3264 §6).

    Same number of media descriptions, each of the same kind, and refused where the offer had port 0.
    """
    if len(offer.media) != len(answer.media):
        raise SdpError(
            f"the answer has {len(answer.media)} media descriptions, the offer {len(offer.media)}",
            status=488,
            section="RFC 3264 §6",
        )
    for index, (asked, given) in enumerate(zip(offer.media, answer.media, strict=True), 1):
        if asked.kind != given.kind:
            raise SdpError(f"media description {index} is of another kind", status=488, section="RFC 3264 §6")
        if given.port and not asked.port:
            raise SdpError(f"media description {index} was not offered", status=488, section="RFC 3264 §6")


def answers(offer: Session, answer: Session) -> bool:
    """Whether `check_answer` accepts."""
    try:
        check_answer(offer, answer)
    except SdpError:
        return False
    return True
