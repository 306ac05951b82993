"""The order in which SRV records are tried (RFC 2782, "Usage rules"). Randomness is passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from seaway.core.dns.io import Srv

__all__ = ["below", "srv_order"]


def below(bound: int, random: Callable[[int], bytes]) -> int:
    """A number from 0 to `bound - 1`, each as likely as the others (but for one part in 2**40)."""
    return int.from_bytes(random(8), "big") % bound


def srv_order(records: Iterable[Srv], random: Callable[[int], bytes]) -> list[Srv]:
    """Low priorities first; among equals the next one is drawn by weight, those of weight 0 rarely."""
    groups: dict[int, list[Srv]] = {}
    for each in records:
        groups.setdefault(each.priority, []).append(each)
    ordered: list[Srv] = []
    for priority in sorted(groups):
        left = sorted(groups[priority], key=lambda each: each.weight > 0)  # weight 0 stands first
        while left:
            drawn = below(sum(each.weight for each in left) + 1, random)
            running = 0
            for index, each in enumerate(left):
                running += each.weight
                if running >= drawn:
                    ordered.append(left.pop(index))
                    break
    return ordered
