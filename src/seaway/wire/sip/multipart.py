"""Multipart bodies (RFC 2046 §5.1): where their parts begin and end, in one pass for each of two levels.

Everything that two readers could see in two ways is refused: what is hidden from us here would reach a peer unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.headers import canonical_name
from seaway.wire.sip.params import Params, parse_header_params

__all__ = ["MAX_DEPTH", "MAX_PARTS", "Part", "media_type_of", "parse_multipart"]

MAX_DEPTH = 2  # a multipart in a multipart
MAX_PARTS = 32  # of one body, all levels together
_MAX_FIELDS = 16  # header fields of one part
_MAX_HEAD = 4096  # octets of the header fields of one part
_BOUNDARY = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=? "
_PLACE = "RFC 2046 §5.1"


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is no multipart itself. `start` and `end` are offsets of its content in the whole body; `length` of
    the digits of its own Content-Length, if it has one; `within` the types of the multiparts around it, outermost
    first. Types, `disposition` and `encoding` are in lower case, empty when the part does not say."""

    media_type: bytes
    disposition: bytes
    optional: bool  # handling=optional; otherwise it is required (RFC 5621 §8)
    encoding: bytes  # Content-Transfer-Encoding
    coded: bool  # has a Content-Encoding
    start: int
    end: int
    length: tuple[int, int] | None
    within: tuple[bytes, ...]


def media_type_of(value: bytes) -> bytes:
    """`type/subtype` of a Content-Type value in lower case; white space around the slash goes (RFC 3261 §25.1)."""
    media_type = value.partition(b";")[0].lower()
    return media_type.translate(None, b" \t\r\n")


def parse_multipart(content_type: bytes, body: bytes) -> list[Part]:
    """The parts of `body`, those of a nested multipart in their place. Raises `SipError`: 400, 415 when it is nested
    deeper than `MAX_DEPTH`, 413 with more than `MAX_PARTS`."""
    found: list[Part] = []
    _read(content_type, body, 0, len(body), (), found)
    return found


def _read(content_type: bytes, body: bytes, start: int, end: int, within: tuple[bytes, ...], found: list[Part]) -> None:
    if len(within) == MAX_DEPTH:
        raise SipError(f"multipart body is nested in more than {MAX_DEPTH} levels", status=415, section=_PLACE)
    within = (*within, media_type_of(content_type))
    boundary = _boundary(content_type)
    for first, last in _spans(body, start, end, b"--" + boundary, MAX_PARTS - len(found)):
        if len(found) >= MAX_PARTS:
            raise _too_many()
        _part(body, first, last, within, found)


def _boundary(content_type: bytes) -> bytes:
    params = _params(content_type)
    named = [name for name, _ in params if name.lower().startswith(b"boundary")]
    if len(named) != 1 or named[0].lower() != b"boundary":  # RFC 2231 pieces, or two: which one counts?
        raise SipError("multipart Content-Type has not one boundary", section=_PLACE)
    boundary = params.text(b"boundary") or b""
    if not 0 < len(boundary) <= 70 or boundary.translate(None, _BOUNDARY) or boundary.endswith(b" "):
        raise SipError("boundary is not 1 to 70 of the octets that are allowed", section=_PLACE)
    return boundary


def _params(value: bytes) -> Params:
    return parse_header_params(value[value.index(b";") :].replace(b"\r\n", b"")) if b";" in value else Params()


def _spans(body: bytes, start: int, end: int, mark: bytes, room: int) -> list[tuple[int, int]]:
    """Header fields and content of each part: from after a delimiter line to before the CRLF of the next."""
    spans: list[tuple[int, int]] = []
    begun: int | None = None
    closed = False
    place = start if body.startswith(mark, start, end) else _next(body, mark, start, end)
    while place >= 0:
        if closed:
            raise SipError("a delimiter follows the last one", section=_PLACE)
        if begun is not None:
            if len(spans) >= room:
                raise _too_many()
            spans.append((begun, max(begun, place - 2)))
        after = place + len(mark)
        if body.startswith(b"--", after, end):
            closed = True
            after += 2
        # The line ends here, but for padding: what goes on is another boundary, or none, as one reads it.
        line_end = body.find(b"\r\n", after, end)
        if line_end < 0:
            line_end = end
            if not closed:
                raise SipError("a delimiter line does not end", section=_PLACE)
        if body[after : min(line_end, after + 256)].strip(b" \t") or line_end - after > 256:
            raise SipError("a line begins with the boundary and goes on", section=_PLACE)
        begun = line_end + 2
        place = _next(body, mark, line_end, end)
    if not closed:
        raise SipError("multipart body has no last delimiter", section=_PLACE)
    if not spans:
        raise SipError("multipart body has no part", section=_PLACE)
    if body.find(b"\r" + mark, start, end) >= 0:
        raise SipError("a delimiter follows a bare CR", section=_PLACE)
    return spans


def _next(body: bytes, mark: bytes, start: int, end: int) -> int:
    """Offset of the next delimiter's hyphens, -1: none. No two finds overlap: LF stands at their begin alone."""
    place = body.find(b"\n" + mark, start, end)
    if place < 0:
        return -1
    if place == start or body[place - 1 : place] != b"\r":
        raise SipError("a delimiter follows a bare LF", section=_PLACE)
    return place + 1


def _part(body: bytes, start: int, end: int, within: tuple[bytes, ...], found: list[Part]) -> None:
    fields: dict[bytes, bytes] = {}
    length: tuple[int, int] | None = None
    content = start + 2
    if not body.startswith(b"\r\n", start):
        stop = body.find(b"\r\n\r\n", start, min(end + 2, start + _MAX_HEAD))
        if stop < 0 and end - start > _MAX_HEAD:
            raise SipError(f"header fields of a part are longer than {_MAX_HEAD} octets", section=_PLACE)
        stop = end if stop < 0 else stop
        content = stop + 4
        fields, length = _fields(body, start, stop)
    content_type = fields.get(b"content-type", b"")
    media_type = media_type_of(content_type)
    if media_type.startswith(b"multipart/"):
        _read(content_type, body, min(content, end), end, within, found)
        return
    disposition = fields.get(b"content-disposition", b"")
    handling = (_params(disposition).text(b"handling") or b"required").lower()
    found.append(
        Part(
            media_type,
            disposition.partition(b";")[0].strip(b" \t").lower(),
            handling == b"optional",
            fields.get(b"content-transfer-encoding", b"").lower(),
            fields.get(b"content-encoding", b"identity").lower() != b"identity",
            min(content, end),
            end,
            _checked(body, length, end - min(content, end)),
            within,
        )
    )


def _fields(body: bytes, start: int, stop: int) -> tuple[dict[bytes, bytes], tuple[int, int] | None]:
    """Header fields of a part, each once; and where the value of Content-Length stands."""
    found: dict[bytes, bytes] = {}
    length: tuple[int, int] | None = None
    head = body[start:stop]
    lines = head.split(b"\r\n")
    rest = b"".join(lines)
    if b"\r" in rest or b"\n" in rest:
        raise SipError("bare CR or LF in the header fields of a part", section=_PLACE)
    place, name = start, b""
    for line in lines:
        if line[:1] in (b" ", b"\t") and name:
            found[name] += b" " + line.strip(b" \t")
        elif line:
            raw, colon, value = line.partition(b":")
            name = canonical_name(raw) if colon else b""
            if not name or name in found or len(found) >= _MAX_FIELDS:
                raise SipError("header fields of a part cannot be read, or one occurs twice", section=_PLACE)
            found[name] = value.strip(b" \t")
            if name == b"content-length":
                at = place + len(line) - len(value.lstrip(b" \t"))
                length = at, at + len(found[name])
        place += len(line) + 2
    return found, length


def _checked(body: bytes, length: tuple[int, int] | None, size: int) -> tuple[int, int] | None:
    """A part has no need of a Content-Length; one that is not true would end the part elsewhere."""
    if length is None:
        return None
    try:
        told = parse_digits(body[slice(*length)], maximum=9_999_999)
    except WireError as error:
        raise SipError(f"Content-Length of a part: {error.what}", section=_PLACE) from None
    if told not in (size, size + 2):  # the CRLF before the delimiter is counted by some
        raise SipError("Content-Length of a part is not its length", section=_PLACE)
    return length


def _too_many() -> SipError:
    return SipError(f"multipart body has more than {MAX_PARTS} parts", status=413, section=_PLACE)
