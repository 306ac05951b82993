"""The proof's books: counters of every firewall beside what the witness saw, row by row. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seaway.catalog.resolve import Resolution
from seaway.lab.firewall import Counters
from seaway.lab.witness import Seen

__all__ = ["RowBook", "balance", "inward_openings", "live_rows"]


@dataclass(slots=True)
class RowBook:
    """One live row: packets at each filter as (forward, reply), and who talked to whom."""

    at: dict[str, tuple[int, int]] = field(default_factory=dict)
    peers: set[str] = field(default_factory=set)
    site: str = ""  # where it lives, unless it is that of the first call

    @property
    def packets(self) -> int:
        """Packets of this row, each once: a packet is counted at every filter it passes."""
        return max((forward + reply for forward, reply in self.at.values()), default=0)


def live_rows(
    counters: Mapping[str, Counters], seen: Mapping[str, Seen], fast: Mapping[str, Mapping[str, int]]
) -> dict[str, RowBook]:
    """Every row whose rule accepted a packet anywhere, in the order of their names. `fast`: node -> row -> packets that
    its fast path carried by that row, past the node's own filter."""
    books: dict[str, RowBook] = {}
    for at, found in counters.items():
        for row, count in found.rows.items():
            if count.packets:
                books.setdefault(row, RowBook()).at[at] = (count.forward, count.reply)
    for node, rows in fast.items():
        for row, packets in rows.items():
            books.setdefault(row, RowBook()).at[f"{node} fast path"] = (packets, 0)
    for row, book in books.items():
        for each in seen.values():
            book.peers |= each.peers.get(row, set())
    return dict(sorted(books.items()))


def balance(counters: Mapping[str, Counters], seen: Mapping[str, Seen]) -> list[str]:
    """Where the counters of a firewall and the captured packets differ; empty when they agree packet by packet."""
    differences = []
    for firewall, witness in seen.items():
        counted = counters[firewall]
        for row in sorted({*counted.rows, *(row for row, _ in witness.rows)}):
            count = counted.rows.get(row)
            for way, by_rule in (
                ("forward", count.forward if count else 0),
                ("reply", count.reply if count else 0),
            ):
                by_witness = witness.rows[(row, way)]
                if by_rule != by_witness:
                    differences.append(
                        f"{firewall}: row {row} {way}: rule accepted {by_rule} packets, {by_witness} were seen to leave"
                    )
        if counted.icmp != witness.icmp:
            differences.append(f"{firewall}: {counted.icmp} ICMP errors accepted, {witness.icmp} seen")
    return differences


def inward_openings(seen: Mapping[str, Seen], resolution: Resolution, core: frozenset[str]) -> list[str]:
    """Connections that something in the DMZ opened inwards and no row from the DMZ to the inside names, or that went
    to the core (`core`: its addresses)."""
    allowed = {
        each.row.id
        for each in resolution.connections
        if each.source.zone == "dmz" and each.destination.zone == "internal" and not core & set(each.destination.hosts)
    }
    wrong = []
    for row, packet in seen["inner"].inward:
        if row not in allowed or packet.destination in core:
            wrong.append(f"{packet} (row {row})")
    return list(dict.fromkeys(wrong))
