"""How the demo and the proof look on a terminal: tables of calls, rows and state. Printing only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from seaway.catalog.resolve import Resolution
from seaway.lab.firewall import Counters
from seaway.lab.plan import FILTERS
from seaway.lab.session import CallReport

__all__ = ["call_table", "hops", "proof_table", "state_table"]


def _table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for each in columns:
        table.add_column(each, justify="right" if each in right else "left")
    return table


def hops(report: CallReport, loopback: bool) -> str:
    """The way of the signalling, hop by hop, with the row of each."""
    place = "" if loopback else " (home router)"
    way = [
        f"alice{place}",
        "TLS T11-07",
        "edge1",
        "TLS T11-01",
        "core1",
        "UDP " + ("T11-02" if report.callee == "bob" else "Y01-01"),
        "bob",
    ]
    if report.caller != "alice":
        way.reverse()
    return " > ".join(way)


def call_table(report: CallReport) -> Table:
    """Each direction of the media at each place that counted it."""
    numbers = ("packets", "lost", "jitter ms", "gap ms")
    table = _table(
        "media (gap: longest pause; tone: share of the sound that is the other phone's tone)",
        "from",
        "to",
        "at",
        *numbers,
        "tone",
        right=numbers,
    )
    for each in report.directions:
        leg = "from_a" if each.sender == report.caller else "from_b"
        way = ("edge1", "core1") if each.sender == "alice" else ("core1", "edge1")
        for node in way:
            found = _leg(report.nodes.get(node), leg)
            if found:
                table.add_row(
                    each.sender,
                    each.receiver,
                    node,
                    str(found["packets"]),
                    str(found["lost"]),
                    f"{found['jitter_ms']:.1f}",
                    f"{found['max_gap_ms']:.0f}",
                    "",
                )
        heard = each.heard
        tone = Text("none", "red")
        if heard is not None:
            tone = Text(f"{heard.tone:.0%}", "green" if heard.good else "red")
        gap = f"{heard.longest_gap * 1000:.0f}" if heard else "-"
        table.add_row(
            each.sender,
            each.receiver,
            f"{each.receiver}'s phone",
            str(each.received),
            str(each.lost),
            f"{each.jitter_ms:.1f}",
            gap,
            tone,
            end_section=True,
        )
    return table


def _leg(record: dict[str, Any] | None, leg: str) -> dict[str, Any] | None:
    streams = record.get("media") if record else None
    found: dict[str, Any] | None = streams[0].get(leg) if streams else None
    return found


def proof_table(counters: Mapping[str, Counters], resolution: Resolution) -> Table:
    """Each row that let packets through, and how many at each firewall; replies after a plus sign."""
    table = _table(
        "rows that carried this: packets accepted by their rules (+ replies)",
        "row",
        "what",
        *FILTERS,
        right=FILTERS,
    )
    purposes = {row.id: row.purpose for row in resolution.rows}
    live = sorted({row for each in counters.values() for row, count in each.rows.items() if count.packets})
    for row in live:
        cells = []
        for at in FILTERS:
            count = counters[at].rows.get(row)
            if count is None:
                cells.append("")
            else:
                cells.append(f"{count.forward}+{count.reply}" if count.reply else str(count.forward))
        table.add_row(row, purposes.get(row, ""), *cells)
    table.add_section()
    table.add_row("", "dropped, no row allows it", *(str(counters[at].dropped) for at in FILTERS))
    return table


def state_table(state: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> Table:
    """Zones, registrations and calls of both nodes."""
    table = _table("now", "node", "what", "state")
    for node, views in state.items():
        for zone in views.get("zones", []):
            good = zone["state"] == "active"
            table.add_row(
                node,
                f"zone {zone['name']}",
                Text(f"{zone['state']}: {zone['reason']}", "green" if good else "red"),
            )
        for each in views.get("registrations", []):
            table.add_row(node, f"registered {each['user']}", f"{each['via']}, {each['expires']} s left")
        for each in views.get("calls", []):
            table.add_row(
                node, f"call {each['caller']} > {each['callee']}", f"{each['state']}, {each['seconds']:.0f} s"
            )
    return table
