"""A run of SDP lines, kept as octets: what the session part and each media description have in common.

A line is stored with its own terminator, so that untouched lines come out as they went in, mixed CRLF and LF included.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sdp.errors import SdpError

__all__ = ["Connection", "Section", "address_type", "parse_connection", "parse_port", "strip_end"]

_HOST = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:"
_MAX_HOST = 255


def strip_end(line: bytes) -> bytes:
    """`line` without its CRLF or LF."""
    return line.rstrip(b"\r\n")


def address_type(address: str) -> bytes:
    """`b"IP6"` for an IPv6 literal, else `b"IP4"` (RFC 8866 §5.7)."""
    return b"IP6" if ":" in address else b"IP4"


@dataclass(frozen=True, slots=True)
class Connection:
    """A `c=` value: `kind` is `IP4` or `IP6`; `suffix` is what follows the address (`/127`), usually empty."""

    kind: str
    address: str
    suffix: str = ""


def parse_connection(value: bytes, line: int | None = None) -> Connection:
    """`IN IP4 192.0.2.1[/ttl[/count]]` (RFC 8866 §5.7). Raises `SdpError`."""
    parts = [part for part in value.split(b" ") if part]
    if len(parts) != 3 or parts[0].upper() != b"IN" or parts[1].upper() not in (b"IP4", b"IP6"):
        raise SdpError("c= is not IN IP4 or IN IP6 with an address", line=line, section="RFC 8866 §5.7")
    address, slash, suffix = parts[2].partition(b"/")
    if not 0 < len(address) <= _MAX_HOST or address.translate(None, _HOST):
        raise SdpError("the address of c= is malformed", line=line, section="RFC 8866 §5.7")
    for number in suffix.split(b"/") if slash else ():
        if not number.isdigit() or len(number) > 5:
            raise SdpError("the suffix of a c= address is no number", line=line, section="RFC 8866 §5.7")
    return Connection(parts[1].upper().decode("ascii"), address.decode("ascii"), (slash + suffix).decode("ascii"))


def parse_port(data: bytes, line: int | None = None) -> int:
    """A port, 0 to 65535. Raises `SdpError`."""
    try:
        return parse_digits(data, maximum=65535)
    except WireError as error:
        raise SdpError(f"port: {error.what}", line=line, section="RFC 8866 §5.14") from None


@dataclass(slots=True)
class Section:
    """Lines `x=value` with terminators, in order. Edits change single lines and leave the others alone."""

    lines: list[bytes] = field(default_factory=list)

    def values(self, kind: bytes) -> list[bytes]:
        """The values of all lines of one type: `values(b"b")`."""
        prefix = kind + b"="
        return [strip_end(line)[2:] for line in self.lines if line.startswith(prefix)]

    @property
    def connection(self) -> Connection | None:
        """The first `c=` of this section; `None` when it has none."""
        found = self.values(b"c")
        return parse_connection(found[0]) if found else None

    def attributes(self, name: bytes) -> list[bytes]:
        """The values of all `a=name:value`, in order; `b""` for a bare `a=name`."""
        bare, prefix = b"a=" + name, b"a=" + name + b":"
        found = []
        for line in self.lines:
            if line.startswith(bare):
                text = strip_end(line)
                if text == bare:
                    found.append(b"")
                elif text.startswith(prefix):
                    found.append(text[len(prefix) :])
        return found

    def attribute(self, name: bytes) -> bytes | None:
        """The first value of `a=name`; `b""` without a value, `None` when absent."""
        found = self.attributes(name)
        return found[0] if found else None

    def has(self, name: bytes) -> bool:
        return self.attribute(name) is not None

    def add_attribute(self, name: bytes, value: bytes | None = None) -> None:
        """Append `a=name` or `a=name:value` at the end of this section."""
        text = b"a=" + name if value is None else b"a=" + name + b":" + value
        if b"\n" in text or b"\r" in text:
            raise SdpError("an attribute holds a line end", section="RFC 8866 §5.13")
        self._append(text)

    def remove_attributes(self, names: Collection[bytes]) -> int:
        """Remove all `a=` lines whose name is in `names`; returns how many went."""
        kept = [line for line in self.lines if not _is_named(line, names)]
        count = len(self.lines) - len(kept)
        if count:
            self.lines[:] = kept
        return count

    def set_connection(self, address: str) -> None:
        """Make `c=` say `address` (IP literal). Further `c=` lines of this section go; a missing one is added."""
        text = b"c=IN " + address_type(address) + b" " + address.encode("ascii")
        found = [i for i, line in enumerate(self.lines) if line.startswith(b"c=")]
        if found:
            for index in reversed(found[1:]):
                del self.lines[index]
            self.lines[found[0]] = text + self._end(found[0])
        else:
            self.insert(self._connection_index(), text)

    def _connection_index(self) -> int:
        """Where a new `c=` belongs: after the last line of a type that comes before it (RFC 8866 §5)."""
        index = 0
        while index < len(self.lines) and self.lines[index][:1] in (
            b"v",
            b"o",
            b"s",
            b"i",
            b"u",
            b"e",
            b"p",
            b"m",
        ):
            index += 1
        return index

    def _end(self, index: int) -> bytes:
        line = self.lines[index]
        return line[len(strip_end(line)) :]

    def insert(self, index: int, text: bytes) -> None:
        """Put `text` before line `index`, with the terminator of its neighbour above."""
        neighbour = self._end(index - 1) if index else b"\r\n"
        if not neighbour:
            # The last line of the description may lack its terminator; it gets one now that a line follows.
            self.lines[index - 1] += b"\r\n"
            neighbour = b"\r\n"
        self.lines.insert(index, text + neighbour)

    def _append(self, text: bytes) -> None:
        index = len(self.lines)
        while index and not strip_end(self.lines[index - 1]):
            index -= 1  # blank lines at the very end stay there
        self.insert(index, text)


def _is_named(line: bytes, names: Collection[bytes]) -> bool:
    return line.startswith(b"a=") and strip_end(line)[2:].partition(b":")[0] in names
