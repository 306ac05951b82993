"""The nonce counts already used: a sliding window for each nonce, bounded in number. Pure.

RFC 7616 §5.12 leaves the check of `nc` to the server. Requests of one client may overtake each other on UDP, so each
count is accepted once and within 64 of the highest seen. Memory is bounded: when full, the oldest nonce goes and all
nonces made before it are refused from then on, so that dropping state never allows a replay.
"""

from __future__ import annotations

__all__ = ["ReplayWindow"]

_WIDTH = 64


class ReplayWindow:
    """`limit`: nonces remembered at a time."""

    __slots__ = ("_floor", "_limit", "_seen")

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._seen: dict[str, tuple[int, int, float, float]] = {}  # nonce -> highest, bitmap, made, expires
        self._floor = float("-inf")

    def __len__(self) -> int:
        return len(self._seen)

    def use(self, nonce: str, count: int, made: float, expires: float, now: float) -> bool:
        """Take `count` of a nonce made at `made`. False: used before, too old, or its state had to go."""
        entry = self._seen.get(nonce)
        if entry is None:
            if made <= self._floor or count == 0:
                return False
            self._make_room(now)
            self._seen[nonce] = (count, 1, made, expires)
            return True
        highest, bitmap, _, _ = entry
        if count > highest:
            shift = count - highest
            bitmap = ((bitmap << shift) | 1) & ((1 << _WIDTH) - 1) if shift < _WIDTH else 1
            self._seen[nonce] = (count, bitmap, made, expires)
            return True
        behind = highest - count
        if behind >= _WIDTH or count == 0 or bitmap >> behind & 1:
            return False
        self._seen[nonce] = (highest, bitmap | 1 << behind, made, expires)
        return True

    def _make_room(self, now: float) -> None:
        """Drop from the front (first used first): the expired ones, and one more when still full."""
        while self._seen:
            nonce = next(iter(self._seen))
            _, _, made, expires = self._seen[nonce]
            if expires >= now:
                if len(self._seen) < self._limit:
                    return
                self._floor = max(self._floor, made)
            del self._seen[nonce]
