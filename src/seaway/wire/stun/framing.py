"""STUN and ChannelData on a stream, one after the other (RFC 8489 §6.2.2, RFC 8656 §12.5), with a bounded buffer.

Each frame tells its length in its first four octets. After an error the stream has no frame border left: close it (R4).
"""

from __future__ import annotations

from seaway.wire.stun.errors import StunError

__all__ = ["Framer"]

_COOKIE = b"\x21\x12\xa4\x42"


class Framer:
    """`feed` octets as they come; it gives whole frames, padding included. At most one frame is held back."""

    __slots__ = ("_buffer", "_max_frame")

    def __init__(self, max_frame: int = 65535 + 4 + 3) -> None:
        """`max_frame`: octets with header and padding; a longer frame is refused before its body is awaited."""
        self._buffer = b""
        self._max_frame = max_frame

    @property
    def pending(self) -> int:
        """Octets of an unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Raises `StunError` once the next frame is neither STUN nor ChannelData, or is too long. Frames before it are
        lost with it: the caller closes the connection."""
        buffer = self._buffer + data if self._buffer else data
        frames: list[bytes] = []
        position, end = 0, len(buffer)
        while end - position >= 4:
            size = self._size(buffer, position)
            if end - position < size:
                break
            frames.append(buffer[position : position + size])
            position += size
        self._buffer = buffer[position:] if position < end else b""
        return frames

    def take_rest(self) -> bytes:
        """What was not framed yet, once: after ConnectionBind it is application data (RFC 6062 §5.4)."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _size(self, buffer: bytes, position: int) -> int:
        first = buffer[position]
        length = buffer[position + 2] << 8 | buffer[position + 3]
        if first & 0xC0 == 0:
            cookie = buffer[position + 4 : position + 8]
            if length & 3 or cookie != _COOKIE[: len(cookie)]:
                raise StunError("no STUN message", position, "RFC 8489 §5")
            size = 20 + length
        elif first & 0xC0 == 0x40:
            size = 4 + length + (-length & 3)
        else:
            raise StunError("neither STUN nor ChannelData", position, "RFC 8656 §12")
        if size > self._max_frame:
            raise StunError("frame too long", position, "RFC 8656 §12.5")
        return size
