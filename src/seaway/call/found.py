"""What a look for an alias in one place gives."""

from __future__ import annotations

from seaway.call.zones import Zone
from seaway.core.sip.context import Target

__all__ = ["Found"]


class Found:
    """`targets` and the zone they are in (`None`: phones that are registered here), or the `status` to answer and `why`
    (for the log). `later` are further targets, for when those before have failed; `zones` tells by the `id` of targets
    which of them are in another zone. `alias` is whom a GRUU belongs to.
    """

    __slots__ = ("alias", "later", "status", "targets", "why", "zone", "zones")

    def __init__(self, zone: Zone | None, targets: list[Target], status: int = 404, why: str = "") -> None:
        self.alias: bytes | None = None
        self.later: list[list[Target]] = []
        self.zones: dict[int, Zone | None] = {}
        self.zone = zone
        self.targets = targets
        self.status = status
        self.why = why

    def zone_of(self, target: Target) -> Zone | None:
        """The zone that `target` is in."""
        return self.zones.get(id(target), self.zone)
