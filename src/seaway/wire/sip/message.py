"""SIP messages: octets to `Request` or `Response` and back (RFC 3261 §7).

Lazy: the header section is cut into lines and names, values are not parsed. Unknown headers and bodies come out octet
for octet as they went in, since a message is edited by exchanging whole lines. This file is on the hot path of every
call: it is written to do little per line, and so that Cython can compile it as it stands.

Neighbours: `headers.py` (names), `framing.py` (messages out of a byte stream), `uri.py`, `via.py`... (values).
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.headers import KNOWN, REQUIRED, SINGLE, canonical_name

__all__ = ["DEFAULT_LIMITS", "Limits", "Message", "Request", "Response", "cseq_of", "parse", "parse_lenient"]


@dataclass(frozen=True, slots=True)
class Limits:
    head: int = 32_768  # octets of start line and headers
    body: int = 65_536  # octets
    headers: int = 128  # lines (R28)


DEFAULT_LIMITS = Limits()
_VERSION = b"SIP/2.0"
_MAX_CSEQ = 2**31 - 1
_METHODS = frozenset(
    b"INVITE ACK BYE CANCEL OPTIONS REGISTER PRACK SUBSCRIBE NOTIFY PUBLISH INFO REFER MESSAGE UPDATE".split()
)


class Message:
    """What requests and responses share: header lines with their canonical names, in order, and the body.

    `names[i]` is the canonical name of `lines[i]`; `lines[i]` is the raw line without CRLF (a folded line keeps its
    folds). Edit with `insert`, `replace`, `remove`; both lists stay parallel.
    """

    __slots__ = ("body", "lines", "names")

    names: list[bytes]
    lines: list[bytes]
    body: bytes

    def __init__(self, names: list[bytes], lines: list[bytes], body: bytes) -> None:
        self.names = names
        self.lines = lines
        self.body = body

    def start_line(self) -> bytes:
        raise NotImplementedError

    def value(self, index: int) -> bytes:
        """The value of line `index`: without name, colon and outer white space; folds become single spaces."""
        value = self.lines[index].partition(b":")[2]
        if b"\r\n" in value:
            value = b" ".join(part.strip(b" \t") for part in value.split(b"\r\n"))
        return value.strip(b" \t")

    def get(self, name: bytes) -> bytes | None:
        """The first value of `name` (canonical), or `None`."""
        return self.value(self.names.index(name)) if name in self.names else None

    def require(self, name: bytes) -> bytes:
        """The first value of `name`; raises `SipError` (400) when it is missing."""
        value = self.get(name)
        if value is None:
            raise SipError(f"header {name.decode()} is missing", section="RFC 3261 §8.1.1")
        return value

    def all(self, name: bytes) -> list[bytes]:
        """All values of `name`, one per line, top first; commas inside a line are not split."""
        return [self.value(i) for i, each in enumerate(self.names) if each == name]

    def insert(self, index: int, name: bytes, line: bytes) -> None:
        """Put the raw `line` (`b"Via: ..."`) with canonical `name` before line `index`."""
        self.names.insert(index, name)
        self.lines.insert(index, line)

    def remove(self, name: bytes) -> int:
        """Remove every line of `name`; returns how many there were."""
        count = self.names.count(name)
        if count:
            kept = [i for i, each in enumerate(self.names) if each != name]
            self.lines = [self.lines[i] for i in kept]
            self.names = [self.names[i] for i in kept]
        return count

    def set_body(self, body: bytes, content_type: bytes | None = None) -> None:
        """Exchange the body and make Content-Length (and Content-Type, when given) fit."""
        self.body = body
        self.remove(b"content-length")
        if content_type is not None:
            self.remove(b"content-type")
            self.insert(len(self.names), b"content-type", b"Content-Type: " + content_type)
        self.insert(len(self.names), b"content-length", b"Content-Length: %d" % len(body))

    def serialise(self) -> bytes:
        """The message as octets. Content-Length is not touched: `set_body` keeps it true."""
        return b"\r\n".join([self.start_line(), *self.lines, b"", self.body])


class Request(Message):
    """A SIP request. `uri` is the raw Request-URI."""

    __slots__ = ("method", "uri")

    def __init__(self, method: bytes, uri: bytes, names: list[bytes], lines: list[bytes], body: bytes) -> None:
        self.method = method
        self.uri = uri
        self.names = names
        self.lines = lines
        self.body = body

    def start_line(self) -> bytes:
        return b"%b %b SIP/2.0" % (self.method, self.uri)

    def copy(self) -> Request:
        """An independent copy to edit; the octets are shared."""
        return Request(self.method, self.uri, self.names.copy(), self.lines.copy(), self.body)


class Response(Message):
    """A SIP response; `status` 100 to 699, `reason` raw. `method` is that of CSeq, b"" when it was not parsed."""

    __slots__ = ("method", "reason", "status")

    def __init__(self, status: int, reason: bytes, names: list[bytes], lines: list[bytes], body: bytes) -> None:
        self.method = b""
        self.status = status
        self.reason = reason
        self.names = names
        self.lines = lines
        self.body = body

    def start_line(self) -> bytes:
        return b"SIP/2.0 %d %b" % (self.status, self.reason)


def parse(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """One whole message: a datagram, or what `StreamFramer` cut out of a stream.

    Octets after Content-Length are dropped (RFC 3261 §18.3); a body shorter than Content-Length is refused. Raises
    `SipError` with the status to answer.
    """
    start, lines, body = _split(data, limits)
    kind = (start[:11] if start.startswith(b"SIP/2.0 ") else start[:8], len(lines))  # a status, or a method
    shape = _SHAPES.get(kind)
    if shape is None or not all(map(bytes.startswith, lines, shape.prefixes)):
        message = _start(start, *_names(lines), body)
        shape = _shape(message)
        if len(message.lines) == len(lines):  # nothing was folded
            if len(_SHAPES) >= _CACHE:
                _SHAPES.clear()
            _SHAPES[kind] = shape
    else:
        message = _start(start, shape.names.copy(), lines, body)
    lines = message.lines
    if shape.length >= 0:
        if _LENGTHS.get(lines[shape.length]) != len(body):
            _trim_body(message, limits)
    elif len(body) > limits.body:
        raise SipError("body is too large", status=413, section="RFC 3261 §21.4.11")
    line = lines[shape.cseq]
    method = _CSEQS.get(line) or _checked_cseq(message, line)
    if type(message) is Response:
        message.method = method
    elif method != message.method:
        raise SipError("CSeq names another method than the request line", section="RFC 3261 §8.1.1.5")
    return message


class _Shape:
    """The header names of a message that was found good, in order: most messages of a peer look like an earlier one.

    What can be said from the names alone is said once. `prefixes` are the names as they stand there, with the colon;
    `cseq` and `length` are the places of CSeq and Content-Length, -1 when there is none.
    """

    __slots__ = ("cseq", "length", "names", "prefixes")

    def __init__(self, names: list[bytes], lines: list[bytes]) -> None:
        self.names = names.copy()
        self.prefixes = [line[: line.index(b":") + 1] for line in lines]
        self.cseq = names.index(b"cseq")
        self.length = names.index(b"content-length") if b"content-length" in names else -1


def _shape(message: Message) -> _Shape:
    """Check which headers there are. Raises `SipError`."""
    names = message.names
    if not all(b":" in line for line in message.lines):  # a known name may be all there is of a line
        raise SipError("header line without a colon", section="RFC 3261 §7.3.1")
    unique = set(names)
    if not unique >= REQUIRED:
        missing = sorted(name.decode() for name in REQUIRED - unique)
        raise SipError(f"missing header: {', '.join(missing)}", section="RFC 3261 §8.1.1")
    if len(unique) != len(names):
        for name in SINGLE & unique:
            if names.count(name) > 1:
                raise SipError(f"header {name.decode()} occurs twice", section="RFC 3261 §7.3.1")
    return _Shape(names, message.lines)


_CACHE = 1000  # entries of a cache of a pure function
_SHAPES: dict[tuple[bytes, int], _Shape] = {}  # begin of the start line, number of header lines -> the last such
_STATUS_LINES: dict[bytes, tuple[int, bytes]] = {}  # status line that was found good -> status, reason
_CSEQS: dict[bytes, bytes] = {}  # CSeq line that was found good -> method
_LENGTHS = {b"Content-Length: %d" % length: length for length in range(_CACHE)}  # line -> length, of small bodies
_SMALL = 8192  # octets of a body that is


def _checked_cseq(message: Message, line: bytes) -> bytes:
    """The method of CSeq; its number must be below 2**31."""
    number, method = cseq_of(message)
    if len(number) > 9 or not number.isdigit():  # nine digits are always below 2**31
        try:
            parse_digits(number, maximum=_MAX_CSEQ)
        except WireError as error:
            raise SipError(f"CSeq: {error.what}", section="RFC 3261 §8.1.1.5") from None
    if len(_CSEQS) >= _CACHE:
        _CSEQS.clear()
    if len(line) < 64:
        _CSEQS[line] = method
    return method


def cseq_of(message: Message) -> tuple[bytes, bytes]:
    """Number and method of CSeq, raw. The header must be there."""
    line = message.lines[message.names.index(b"cseq")]
    if b"\t" in line or b"\r" in line:
        line = line.replace(b"\t", b" ").replace(b"\r\n", b" ")
    number, _, method = line.partition(b":")[2].strip(b" ").partition(b" ")
    return number, method.lstrip(b" ")


def parse_lenient(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Start line and header lines only, for answering a message that `parse` refused. Raises `SipError`."""
    start, lines, body = _split(data, limits)
    return _start(start, *_names(lines), body)


def _split(data: bytes, limits: Limits) -> tuple[bytes, list[bytes], bytes]:
    """Start line, header lines as they stand (folds are lines), and what follows the header section."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise SipError("header section has no end", section="RFC 3261 §7")
    if end > limits.head:
        raise SipError(f"header section is longer than {limits.head} octets", status=513, section="RFC 3261 §21.5.7")
    lines = data[:end].split(b"\r\n")
    rest = b"".join(lines)
    if b"\n" in rest or b"\r" in rest:
        raise SipError("bare CR or LF in the header section", section="RFC 3261 §7.3.1")
    if len(lines) - 1 > limits.headers:
        raise SipError(f"more than {limits.headers} header lines", section="RFC 3261 §7.3")
    return lines.pop(0), lines, data[end + 4 :]


def _names(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The canonical names of header lines, and the lines with folded ones joined."""
    known = KNOWN.get
    names = [known(line.partition(b":")[0]) for line in lines]
    if None in names:
        # A continuation is no known name either: one look finds all that is unusual.
        if any(line[:1] in (b" ", b"\t") for line in lines):
            lines = _unfold(lines)
            names = [known(line.partition(b":")[0]) for line in lines]
        return _canonical(names, lines), lines
    return names, lines  # type: ignore[return-value]


def _canonical(names: list[bytes | None], lines: list[bytes]) -> list[bytes]:
    """The long way for names that are not in the table."""
    checked: list[bytes] = []
    for known, line in zip(names, lines, strict=True):
        if known is None:
            name, colon, _ = line.partition(b":")
            if not colon:
                raise SipError("header line without a colon", section="RFC 3261 §7.3.1")
            known = canonical_name(name)
        checked.append(known)
    return checked


def _start(start: bytes, names: list[bytes], lines: list[bytes], body: bytes) -> Request | Response:
    """RFC 3261 §7.1 and §7.2: exactly one SP between the parts."""
    known = _STATUS_LINES.get(start)
    if known is not None:
        return Response(known[0], known[1], names, lines, body)
    if start.startswith(b"SIP/"):
        version, _, rest = start.partition(b" ")
        code, space, reason = rest.partition(b" ")
        if version != _VERSION:
            raise SipError("version is not SIP/2.0", status=505, section="RFC 3261 §7.1")
        if len(code) != 3 or not code.isdigit() or not space or not b"100" <= code <= b"699":
            raise SipError("no status code", section="RFC 3261 §7.2")
        status = parse_digits(code, maximum=699)
        if len(start) < 64:
            if len(_STATUS_LINES) >= _CACHE:
                _STATUS_LINES.clear()
            _STATUS_LINES[start] = (status, reason)
        return Response(status, reason, names, lines, body)
    parts = start.split(b" ")
    if len(parts) != 3:
        raise SipError("request line has not three parts", section="RFC 3261 §7.1")
    method, uri, version = parts
    if version != _VERSION and version.upper() != _VERSION:
        if version.upper().startswith(b"SIP/"):
            raise SipError("version is not SIP/2.0", status=505, section="RFC 3261 §7.1")
        raise SipError("no SIP request line", section="RFC 3261 §7.1")
    if method not in _METHODS:
        _check_method(method)
    if not uri:
        raise SipError("empty Request-URI", section="RFC 3261 §7.1")
    return Request(method, uri, names, lines, body)


def _check_method(method: bytes) -> None:
    if not 0 < len(method) <= 64 or method.translate(None, _TOKEN_OCTETS):
        raise SipError("method is no token", section="RFC 3261 §25.1")


_TOKEN_OCTETS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"


def _unfold(lines: list[bytes]) -> list[bytes]:
    """Join continuation lines to the line they belong to; the octets stay (RFC 3261 §7.3.1)."""
    joined: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not joined:
                raise SipError("the first header line is a continuation", section="RFC 3261 §7.3.1")
            joined[-1] += b"\r\n" + line
        else:
            joined.append(line)
    return joined


def _trim_body(message: Message, limits: Limits) -> None:
    line = message.lines[message.names.index(b"content-length")]
    text = line.partition(b":")[2].strip(b" \t")
    if text == b"0":
        message.body = b""
        return
    if b"\r" in text:
        text = message.value(message.names.index(b"content-length"))
    if len(text) > 7:
        raise SipError("Content-Length has more than seven digits", status=413, section="RFC 3261 §20.14")
    try:
        length = parse_digits(text, maximum=9_999_999)
    except WireError as error:
        raise SipError(f"Content-Length: {error.what}", section="RFC 3261 §20.14") from None
    if length > limits.body:
        raise SipError("body is too large", status=413, section="RFC 3261 §21.4.11")
    if length <= _SMALL and len(line) < 64:
        if len(_LENGTHS) >= 2 * _CACHE:
            _LENGTHS.clear()
        _LENGTHS[line] = length
    have = len(message.body)
    if length < have:
        message.body = message.body[:length]
    elif length > have:
        raise SipError("body is shorter than Content-Length", section="RFC 3261 §18.3")
