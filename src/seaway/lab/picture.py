"""One picture of a real call: who sent what through which firewall, drawn from the result of a proof. Pure.

Every arrow is a catalog row that carried packets; the figures are those that the firewalls and hosts counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from seaway.catalog.resolve import Connection, Resolution

__all__ = ["draw"]

_WIDTH = 1180
_TOP = 108
_LANE = 46
_PLACES = {"outside": 100, "edge": 420, "core": 740, "inside": 1070}
_WALLS = {"outer": 260, "inner": 580}
_LIGHT = {"ink": "#1b2733", "soft": "#5b6a79", "wall": "#c2410c", "sig": "#0b63a5", "media": "#0f7b4f",
          "name": "#7c3aed", "box": "#eef3f8", "page": "#ffffff"}  # fmt: skip
_DARK = {"ink": "#e6edf3", "soft": "#93a4b5", "wall": "#fb923c", "sig": "#58a6ff", "media": "#3fb68b",
         "name": "#b794f6", "box": "#1c2631", "page": "#10161d"}  # fmt: skip


def _colours(palette: Mapping[str, str]) -> str:
    """Rules that depend on the colour scheme. Plain values, since not every viewer knows custom properties."""
    rules = [
        f"text {{ fill: {palette['ink']}; stroke: {palette['page']} }} .head {{ stroke: none }}",
        f".page {{ fill: {palette['page']} }}",
        f".soft {{ fill: {palette['soft']} }}",
        f".box {{ fill: {palette['box']}; stroke: {palette['soft']} }}",
        f".life {{ stroke: {palette['soft']} }}",
        f".wall {{ stroke: {palette['wall']} }} .walltext {{ fill: {palette['wall']} }}",
        *(f".{kind} {{ stroke: {palette[kind]}; fill: {palette[kind]} }}" for kind in ("sig", "media", "name")),
    ]
    return "\n".join(rules)


_STYLE = f"""
svg {{ font-family: system-ui, sans-serif }}
text {{ font-size: 12.5px; paint-order: stroke; stroke-width: 4px }}
.soft {{ font-size: 11.5px }}
.head {{ font-weight: 600; font-size: 14px }}
.life {{ stroke-width: 1; stroke-dasharray: 2 5 }}
.wall {{ stroke-width: 5 }}
.walltext, .id {{ font-weight: 600 }}
.arrow {{ stroke-width: 2 }}
{_colours(_LIGHT)}
@media (prefers-color-scheme: dark) {{
{_colours(_DARK)}
}}
"""


@dataclass(frozen=True, slots=True)
class _Lane:
    connection: Connection
    packets: str
    kind: str  # "name", "sig" or "media": the colour


def draw(resolution: Resolution, proof: Mapping[str, Any]) -> str:
    """An SVG. `proof` is the JSON of `seaway lab prove`, `resolution` that of its deployment."""
    lanes = _lanes(resolution, proof)
    height = _TOP + len(lanes) * _LANE + 52
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-label="A call through edge and core, with the catalog row and the packets of each connection">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}"/>',
        '<text x="24" y="30" class="head">A call between a phone on the internet and a phone inside the company</text>',
        '<text x="24" y="49" class="soft">Arrows point the way a connection is opened. Packets as counted by the rules '
        "of the row, there / back.</text>",
    ]
    for place, x in _PLACES.items():
        parts.append(f'<line class="life" x1="{x}" x2="{x}" y1="{_TOP - 14}" y2="{height - 34}"/>')
        label = {
            "outside": "phone behind NAT", "edge": "edge (DMZ)", "core": "core", "inside": "phone, DNS inside",
        }[place]  # fmt: skip
        parts.append(f'<rect class="box" x="{x - 84}" y="{_TOP - 44}" width="168" height="28" rx="6"/>')
        parts.append(f'<text x="{x}" y="{_TOP - 25}" text-anchor="middle" class="head">{label}</text>')
    for wall, x in _WALLS.items():
        parts.append(f'<line class="wall" x1="{x}" x2="{x}" y1="{_TOP - 44}" y2="{height - 34}"/>')
        parts.append(f'<text x="{x}" y="{height - 14}" text-anchor="middle" class="walltext">{wall} firewall</text>')
    for index, lane in enumerate(lanes):
        parts += _arrow(lane, _TOP + 24 + index * _LANE)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _lanes(resolution: Resolution, proof: Mapping[str, Any]) -> list[_Lane]:
    """One lane per live row, names first, then signalling, then media."""
    lanes: list[_Lane] = []
    for row_id, facts in proof.get("rows", {}).items():
        if facts.get("site"):
            continue  # of no part in the first call
        connections = resolution.of_row(row_id)
        if not connections:
            continue
        counts = [
            f"{at} {each['forward']} / {each['reply']}" if each["reply"] else f"{at} {each['forward']}"
            for at, each in facts.get("at", {}).items()
            if at in _WALLS
        ]
        text = ", ".join(counts) or f"{facts['packets']} packets"
        lanes.append(_Lane(connections[0], text, _kind(connections[0])))
    order = {"name": 0, "sig": 1, "media": 2}
    return sorted(lanes, key=lambda lane: (order[lane.kind], lane.connection.row.id))


def _kind(connection: Connection) -> str:
    if 53 in connection.destination.ports and connection.destination.entity.endswith("dns"):
        return "name"
    setting = (connection.row.source.effective.setting or "") + (connection.row.destination.effective.setting or "")
    return "media" if "media" in setting or "demux" in setting else "sig"


def _place(zone: str, hosts: tuple[str, ...], nic: str | None) -> str:
    if nic is not None:
        return "edge" if any(host.startswith("edge") for host in hosts) else "core"
    return "outside" if zone == "internet" else "inside"


def _arrow(lane: _Lane, y: int) -> list[str]:
    connection = lane.connection
    ends = [_PLACES[_place(side.zone, side.hosts, side.nic)] for side in (connection.source, connection.destination)]
    x1, x2 = ends
    step = 1 if x2 > x1 else -1
    tip = x2 - 9 * step
    left, right = min(ends), max(ends)
    carrier = f"{connection.carrier.transport} {connection.destination.ports}"
    return [
        f'<line class="arrow {lane.kind}" x1="{x1}" x2="{tip}" y1="{y}" y2="{y}"/>',
        f'<path class="{lane.kind}" d="M {x2} {y} l {-9 * step} -4 v 8 z"/>',
        f'<text x="{left + 12}" y="{y - 7}"><tspan class="id">{escape(connection.row.id)}</tspan> '
        f"{escape(connection.row.purpose)}</text>",
        f'<text x="{left + 12}" y="{y + 15}" class="soft">{escape(carrier)}</text>',
        f'<text x="{right - 12}" y="{y + 15}" text-anchor="end" class="soft">{escape(lane.packets)}</text>',
    ]
