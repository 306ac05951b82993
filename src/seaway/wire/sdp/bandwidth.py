"""The rate of a session description: what `b=` lines ask for, and bringing them down (RFC 8866 §5.8, RFC 3890)."""

from __future__ import annotations

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sdp.section import Section, strip_end
from seaway.wire.sdp.session import Session

__all__ = ["limit_rate", "rate_of"]

_AUDIO = 64  # kbit/s of an audio stream that says nothing (G.711)
_BEFORE = (b"v", b"o", b"s", b"i", b"u", b"e", b"p", b"m", b"c", b"b")
_MAX = 10_000_000  # kbit/s; more is nonsense


def rate_of(session: Session) -> int | None:
    """kbit/s that the whole session may take in one direction; `None` when it says too little.

    `b=CT` or `b=AS` of the session counts, else the sum of the media. Audio without `b=` counts as 64 kbit/s, other
    RTP media without it leave the rate unknown; what is no RTP counts nothing. An unreadable value counts as absent.
    """
    whole = _of(session)
    if whole is not None:
        return whole
    total = 0
    for media in session.media:
        if not media.enabled or b"RTP" not in media.proto.upper():
            continue
        rate = _of(media)
        if rate is None:
            if media.kind != b"audio":
                return None
            rate = _AUDIO
        total += rate
    return total or None


def limit_rate(session: Session, rate: int) -> bool:
    """Bring the description down to `rate` kbit/s: no `b=` line asks for more, and the session says so itself.

    Audio keeps what it has and the other media share the rest, each in the proportion that it asked for; audio itself
    is brought down only when it alone is above `rate`. Returns whether anything changed.
    """
    before = session.serialise()
    whole = _of(session)
    _bring_down(session, rate)
    if whole is None:
        _set(session, b"AS", rate)
    left = rate
    for media in session.media:
        if media.enabled and media.kind == b"audio":
            asked = _of(media)
            if asked is not None and asked > rate:
                _bring_down(media, rate)
            left -= min(rate, asked if asked is not None else _AUDIO)
    others = [each for each in session.media if each.enabled and each.kind != b"audio" and _of(each) is not None]
    wanted = sum(_of(each) or 0 for each in others)
    if wanted > left:
        for media in others:
            _bring_down(media, max(1, left * (_of(media) or 0) // wanted) if left > 0 else 1)
    return session.serialise() != before


def _bring_down(section: Section, rate: int) -> None:
    for kind, factor in ((b"AS", 1), (b"TIAS", 1000), (b"CT", 1)):
        value = _value(section, kind)
        if value is not None and value > rate * factor:
            _set(section, kind, rate * factor)


def _of(section: Section) -> int | None:
    """kbit/s of one section."""
    for kind in (b"AS", b"CT"):
        value = _value(section, kind)
        if value is not None:
            return value
    bits = _value(section, b"TIAS")
    return None if bits is None else -(-bits // 1000)


def _value(section: Section, kind: bytes) -> int | None:
    for value in section.values(b"b"):
        name, _, number = value.partition(b":")
        if name == kind:
            try:
                return parse_digits(number.strip(b" "), maximum=_MAX * (1000 if kind == b"TIAS" else 1))
            except WireError:
                return None
    return None


def _set(section: Section, kind: bytes, value: int) -> None:
    """Make `b=kind` say `value`; a missing line is added where RFC 8866 §5 wants it."""
    text = b"b=%b:%d" % (kind, value)
    found = [i for i, line in enumerate(section.lines) if strip_end(line).startswith(b"b=%b:" % kind)]
    for index in reversed(found[1:]):
        del section.lines[index]
    if found:
        end = section.lines[found[0]][len(strip_end(section.lines[found[0]])) :]
        section.lines[found[0]] = text + end
        return
    index = 0
    while index < len(section.lines) and section.lines[index][:1] in _BEFORE:
        index += 1
    section.insert(index, text)
