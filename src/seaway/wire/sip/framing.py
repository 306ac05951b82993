"""SIP messages out of a byte stream (RFC 3261 §18.3), with the keep-alives of RFC 5626 §4.4.1.

The framer finds the end of a message by Content-Length alone and hands out its octets; `message.parse` reads them.
What it holds is bounded by the limits, and each octet is looked at a fixed number of times, however it arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import TOKEN
from seaway.wire.sip.message import DEFAULT_LIMITS, Limits

__all__ = ["FramingError", "Ping", "Pong", "StreamFramer"]

_MAX_START_LINE = 8192  # octets
_SECTION = "RFC 3261 §18.3"
_TOKEN_OCTETS = frozenset(TOKEN)


@dataclass(frozen=True, slots=True)
class Ping:
    """A double CRLF between messages; the answer is one CRLF (RFC 5626 §4.4.1)."""


@dataclass(frozen=True, slots=True)
class Pong:
    """A single CRLF between messages: the answer to our own ping, or nothing that matters."""


PING = Ping()
PONG = Pong()
Item = bytes | Ping | Pong


class FramingError(SipError):
    """The stream cannot be followed any further: answer if `head` allows it, and close.

    `items` is what had been cut off before the error; `head` is the header section of the message in error, blank
    line included, or `b""` when there is none (then nothing can be answered).
    """

    def __init__(self, what: str, *, status: int, section: str, items: list[Item], head: bytes = b"") -> None:
        super().__init__(what, status=status, section=section, close=True)
        self.items = items
        self.head = head


class StreamFramer:
    """Cuts one TCP or TLS stream into messages.

    `dialled` says that our side opened the connection: then the peer's lone CRLF is always its pong. On an accepted
    connection a lone CRLF may be half a ping, so a second one that arrives apart completes it.
    """

    __slots__ = ("_buffer", "_dead", "_dialled", "_half_ping", "_limits", "_line_done", "_need", "_scan")

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, dialled: bool = False) -> None:
        self._limits = limits
        self._dialled = dialled
        self._buffer = bytearray()
        self._scan = 0  # octets of the buffer in which no line end (then: no header end) begins
        self._line_done = False  # the first line was seen to be SIP
        self._need = 0  # length of the whole message once its header section is complete
        self._half_ping = False
        self._dead = False

    @property
    def pending(self) -> int:
        """Octets held of a message that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Item]:
        """What `data` completes, in order. Raises `FramingError`; after that the framer takes nothing more."""
        if self._dead:
            raise FramingError("the stream was given up before", status=400, section=_SECTION, items=[])
        held = self._buffer
        if held:
            held += data
            if len(held) < self._need:
                return []
            buffer: bytes | bytearray = held
        else:
            buffer = data
        items: list[Item] = []
        try:
            position = self._cut(buffer, items)
        except FramingError:
            self._dead = True
            self._buffer = bytearray()
            raise
        if buffer is held:
            if position:
                del held[:position]
        elif position < len(buffer):
            self._buffer = bytearray(buffer[position:] if position else buffer)
        return items

    def _cut(self, buffer: bytes | bytearray, items: list[Item]) -> int:
        """Append complete items; return where the rest begins. `_scan` and `_need` are relative to the rest."""
        position, size = 0, len(buffer)
        while position < size:
            if not self._need:
                if not self._line_done:
                    if buffer[position] == 0x0D or buffer[position] == 0x0A:
                        taken = self._keep_alive(buffer, position, items)
                        if not taken:
                            break
                        position += taken
                        continue
                    self._half_ping = False
                    if not self._first_line(buffer, position, items):
                        break
                end = buffer.find(b"\r\n\r\n", position + self._scan)
                if end < 0:
                    self._scan = max(0, size - position - 3)
                    if self._scan > self._limits.head:
                        self._fail("the header section is too long", 513, items)
                    break
                head = bytes(buffer[position : end + 4])
                if len(head) - 4 > self._limits.head:
                    self._fail("the header section is too long", 513, items)
                self._need = len(head) + self._content_length(head, items)
            if size - position < self._need:
                break
            items.append(bytes(buffer[position : position + self._need]))
            position += self._need
            self._scan = self._need = 0
            self._line_done = False
        return position

    def _fail(self, what: str, status: int, items: list[Item], head: bytes = b"") -> NoReturn:
        raise FramingError(what, status=status, section=_SECTION, items=items, head=head)

    def _keep_alive(self, buffer: bytes | bytearray, position: int, items: list[Item]) -> int:
        """Octets taken by CRLFs between messages (RFC 5626 §4.4.1, RFC 3261 §7.5); 0 when a CR waits for its LF."""
        if buffer.startswith(b"\r\n\r\n", position):
            items.append(PING)
            self._half_ping = False
            return 4
        if buffer.startswith(b"\r\n", position):
            if len(buffer) - position == 3 and buffer[position + 2] == 0x0D:
                return 0  # the third octet of a ping
            if self._half_ping:
                items.append(PING)
                self._half_ping = False
            else:
                items.append(PONG)
                self._half_ping = not self._dialled
            return 2
        if len(buffer) - position == 1 and buffer[position] == 0x0D:
            return 0
        self._fail("a bare CR or LF between messages", 400, items)

    def _first_line(self, buffer: bytes | bytearray, position: int, items: list[Item]) -> bool:
        """Whether the first line is complete. A line that is not SIP ends the stream at once (R36)."""
        if buffer[position] not in _TOKEN_OCTETS:
            self._fail("the stream is not SIP", 400, items)
        end = buffer.find(b"\n", position + self._scan)
        if end < 0:
            self._scan = len(buffer) - position
            if self._scan > _MAX_START_LINE:
                self._fail("the first line is too long", 414, items)
            return False
        line = bytes(buffer[position:end])
        # Nearly every message is written in this way; what is not is looked at more closely.
        if len(line) > _MAX_START_LINE or not (line.startswith(b"SIP/2.0 ") or line.endswith(b" SIP/2.0\r")):
            line = line.rstrip(b" \t\r").upper()
            if len(line) > _MAX_START_LINE:
                self._fail("the first line is too long", 414, items)
            # A request line ends with the version, a status line begins with it.
            version = line if line.startswith(b"SIP/") else line[line.rfind(b" ") + 1 :]
            if not version.startswith(b"SIP/"):
                self._fail("the stream is not SIP", 400, items)
        self._line_done = True
        self._scan = max(0, end - position - 1)
        return True

    def _content_length(self, head: bytes, items: list[Item]) -> int:
        """The value of Content-Length, found as `message.parse` would find it: one field, long or compact form."""
        rest = head.replace(b"\r\n", b"")
        if b"\n" in rest or b"\r" in rest:
            # Two readers could see different lines here, so nobody gets to.
            self._fail("a bare CR or LF in the header section", 400, items, head)
        lower = head.lower()
        value: bytes | None = None
        begin = lower.find(b"\r\ncontent-length: ")
        if begin >= 0 and lower.count(b"\ncontent-length") == 1 and b"\nl" not in lower:
            # Nearly every message: the usual spelling, and no other line that could be one.
            end = lower.find(b"\r", begin + 2)
            if lower[end + 2] not in b" \t":
                value = lower[begin + 18 : end].strip(b" \t")
        if value is None:
            value = self._find_length(head, lower, items)
        if len(value) > 7 and value.isdigit():
            self._fail("Content-Length has more than seven digits", 413, items, head)
        try:
            length = parse_digits(value, maximum=9_999_999)
        except WireError as error:
            raise FramingError(
                f"Content-Length: {error.what}", status=400, section="RFC 3261 §20.14", items=items, head=head
            ) from None
        if length > self._limits.body:
            self._fail("the body is too large", 413, items, head)
        return length

    def _find_length(self, head: bytes, lower: bytes, items: list[Item]) -> bytes:
        """The text of the one Content-Length in any spelling: case, compact form, white space, folds."""
        value: bytes | None = None
        for needle in (b"\r\ncontent-length", b"\r\nl"):
            begin = lower.find(needle)
            while begin >= 0:
                after = begin + len(needle)
                end = lower.find(b"\r\n", after)
                name_rest, colon, text = lower[after:end].partition(b":")
                if colon and not name_rest.strip(b" \t"):
                    if value is not None:
                        self._fail("Content-Length occurs twice", 400, items, head)
                    while lower[end + 2 : end + 3] in (b" ", b"\t"):  # folded
                        begin, end = end, lower.find(b"\r\n", end + 2)
                        text += lower[begin + 2 : end]
                    value = text.strip(b" \t")
                begin = lower.find(needle, end)
        if value is None:
            self._fail("a message on a stream has no Content-Length", 400, items, head)
        return value
