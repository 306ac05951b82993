"""One media description: the `m=` line and what follows it (RFC 8866 §5.14)."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.section import Section, address_type, parse_connection, parse_port, strip_end

__all__ = ["Media", "RtpMap"]

_DIRECTIONS = (b"sendrecv", b"sendonly", b"recvonly", b"inactive")


@dataclass(frozen=True, slots=True)
class RtpMap:
    """`a=rtpmap` (RFC 8866 §6.6); `clock` in hertz."""

    payload: int
    name: bytes
    clock: int
    channels: bytes | None = None


@dataclass(slots=True)
class Media(Section):
    """A media description. `lines[0]` is the `m=` line; the fields repeat what it says.

    `port` 0 means refused or stopped (RFC 3264 §6, §8.2); `count` is the number of ports (`49170/2`), usually 1.
    """

    kind: bytes = b""
    port: int = 0
    count: int = 1
    proto: bytes = b""
    formats: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, line: bytes, number: int) -> Media:
        """From an `m=` line with its terminator; `number` is its place for errors. Raises `SdpError`."""
        parts = strip_end(line)[2:].split(b" ")
        formats = [part for part in parts[3:] if part]  # a trailing space is seen from phones
        if len(parts) < 4 or not all(parts[:3]) or not formats:
            raise SdpError("m= has not kind, port, protocol and format", line=number, section="RFC 8866 §5.14")
        port_text, slash, count_text = parts[1].partition(b"/")
        count = parse_port(count_text, number) if slash else 1
        if count == 0:
            raise SdpError("m= has a count of no ports", line=number, section="RFC 8866 §5.14")
        return cls([line], parts[0], parse_port(port_text, number), count, parts[2], tuple(formats))

    def set_port(self, port: int) -> None:
        """Write one port into the `m=` line (a count of ports goes); the rest of the line keeps its octets."""
        kind, _, rest = self.lines[0].partition(b" ")
        self.lines[0] = b"%b %d %b" % (kind, port, rest.partition(b" ")[2])
        self.port, self.count = port, 1

    def set_proto(self, proto: bytes) -> None:
        """Exchange the transport protocol in the `m=` line; the rest keeps its octets."""
        kind, port, _, rest = self.lines[0].split(b" ", 3)
        self.lines[0] = b"%b %b %b %b" % (kind, port, proto, rest)
        self.proto = proto

    @property
    def enabled(self) -> bool:
        return self.port != 0

    @property
    def direction(self) -> bytes | None:
        """`b"sendrecv"`, `b"sendonly"`, `b"recvonly"` or `b"inactive"` of this section; `None` when not said."""
        for line in self.lines:
            if line.startswith(b"a=") and strip_end(line)[2:] in _DIRECTIONS:
                return strip_end(line)[2:]
        return None

    @property
    def rtcp(self) -> tuple[int, str | None] | None:
        """`a=rtcp` as `(port, address)` (RFC 3605 §2.1), address `None` when it has none; `None` when absent.

        Raises `SdpError` when malformed.
        """
        value = self.attribute(b"rtcp")
        if value is None:
            return None
        port, _, rest = value.partition(b" ")
        return parse_port(port), parse_connection(rest).address if rest.strip(b" ") else None

    def set_rtcp(self, port: int, address: str | None = None) -> None:
        """Make `a=rtcp` say `port` (and `address`): exchanged in place, or appended (RFC 3605 §2.1)."""
        value = b"%d" % port
        if address is not None:
            value += b" IN " + address_type(address) + b" " + address.encode("ascii")
        found = [i for i, line in enumerate(self.lines) if strip_end(line) == b"a=rtcp" or line.startswith(b"a=rtcp:")]
        if not found:
            self.add_attribute(b"rtcp", value)
            return
        for index in reversed(found[1:]):
            del self.lines[index]
        self.lines[found[0]] = b"a=rtcp:" + value + self._end(found[0])

    def rtpmaps(self) -> list[RtpMap]:
        """All `a=rtpmap` lines, in order. Raises `SdpError` when one is malformed (RFC 8866 §6.6)."""
        return [_parse_rtpmap(value) for value in self.attributes(b"rtpmap")]

    def clock_rate(self) -> int | None:
        """Clock of the first format, when `a=rtpmap` says it, in hertz. Raises `SdpError`."""
        first = self.formats[0] if self.formats else b""
        for value in self.attributes(b"rtpmap"):
            if value.partition(b" ")[0] == first:
                return _parse_rtpmap(value).clock
        return None


def _parse_rtpmap(value: bytes) -> RtpMap:
    payload, _, rest = value.partition(b" ")
    parts = rest.strip(b" ").split(b"/")
    if len(parts) not in (2, 3) or not parts[0]:
        raise SdpError("a=rtpmap has not payload type, name and clock", section="RFC 8866 §6.6")
    try:
        number = parse_digits(payload, maximum=127)
        clock = parse_digits(parts[1], maximum=2**31 - 1)
    except WireError as error:
        raise SdpError(f"a=rtpmap: {error.what}", section="RFC 8866 §6.6") from None
    if clock == 0:
        raise SdpError("a=rtpmap has a clock of 0", section="RFC 8866 §6.6")
    return RtpMap(number, parts[0], clock, parts[2] if len(parts) == 3 else None)
