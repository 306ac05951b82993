"""What a node listens on, as a table or JSON: the twin of what a port scan of that node may find."""

from __future__ import annotations

import json
from typing import Literal

from seaway.catalog.resolve import Listener, Resolution
from seaway.catalog.views.fitted import WIDTH, fitted

__all__ = ["render_listeners"]


def render_listeners(
    resolution: Resolution, node: str, format: Literal["table", "json"] = "table", width: int = WIDTH
) -> str:
    """The listeners of `node`, in catalog order. Raises `KeyError` for an unknown node."""
    listeners = resolution.listeners(node)
    if format == "json":
        return json.dumps([_record(each) for each in listeners], indent=2) + "\n"
    lines = []
    for each in listeners:
        carrier = each.carrier
        lines.append(
            (each.row.id, each.nic, each.address, each.public or "-", str(carrier.transport), str(carrier.security),
             str(each.ports), each.row.purpose)
        )  # fmt: skip
    head = ("row", "nic", "address", "public", "transport", "security", "ports", "purpose")
    return fitted(head, lines, width=width) + "\n"


def _record(listener: Listener) -> dict[str, object]:
    return {
        "row": listener.row.id,
        "purpose": listener.row.purpose,
        "nic": listener.nic,
        "address": listener.address,
        "public": listener.public,
        "transport": str(listener.carrier.transport),
        "security": str(listener.carrier.security),
        "ports": str(listener.ports),
    }
