"""The `o=` line of one leg: ours, with a version that counts what this leg was told (RFC 8866 §5.2, RFC 3264 §8)."""

from __future__ import annotations

__all__ = ["Origin", "same_session"]

_MAX_ID = 2**62


class Origin:
    """One session as one peer sees it. `seed` is eight random octets."""

    __slots__ = ("_last", "_session", "_version")

    def __init__(self, seed: bytes) -> None:
        self._session = int.from_bytes(seed) % _MAX_ID  # RFC 8866 §5.2: numeric
        self._version = 0
        self._last: bytes | None = None

    def copy(self) -> Origin:
        """For another dialog that was told the same."""
        other = Origin(b"")
        other._session, other._version, other._last = self._session, self._version, self._last
        return other

    @property
    def state(self) -> list[int]:
        """What goes on in a later process."""
        return [self._session, self._version]

    @state.setter
    def state(self, state: list[int]) -> None:
        self._session, self._version = state

    def stamp(self, body: bytes) -> bytes:
        """Write our `o=` into `body`; its address stays. The version goes up when anything else has changed."""
        lines = body.split(b"\n")
        index = next((i for i, line in enumerate(lines) if line.startswith(b"o=")), None)
        if index is None:
            return body
        end = b"\r" if lines[index].endswith(b"\r") else b""
        place = b" ".join(lines[index].rstrip(b"\r").split(b" ")[-3:])
        lines[index] = place
        plain = b"\n".join(lines)
        if plain != self._last:
            self._version += 1
            self._last = plain
        lines[index] = b"o=- %d %d %b%b" % (self._session, self._version, place, end)
        return b"\n".join(lines)


def same_session(one: bytes, other: bytes) -> bool:
    """Whether two descriptions of one peer are the same: then it is only a refresh (RFC 4028 §7.4)."""
    return bool(one) and one == other
