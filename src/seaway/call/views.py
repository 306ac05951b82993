"""Values for log lines and `seaway status`."""

from __future__ import annotations

from collections.abc import Callable

from seaway.call.config import ControlConfig
from seaway.call.noise import Noise
from seaway.core.sip.context import Branch
from seaway.core.sip.io import Flow
from seaway.core.sip.registrar import Binding
from seaway.wire.endpoint import shown

__all__ = ["found_by_dns", "open_uri", "place_of", "printable", "registration_row", "report_unlocated", "text_of"]


def text_of(octets: bytes) -> str:
    """Readable, whatever the octets are."""
    return printable(octets.decode("utf-8", "backslashreplace"))


def open_uri(uri: bytes) -> bytes:
    """A URI without the password that its user part may have (RFC 3261 §19.1.1, R67)."""
    head, at, rest = uri.rpartition(b"@")
    scheme, colon, user = head.partition(b":")
    return scheme + colon + user.partition(b":")[0] + at + rest if at else uri


def printable(text: str) -> str:
    """`text` with what a terminal would obey (ESC, CR, changes of writing direction) as escapes (R67)."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def place_of(flow: Flow) -> str:
    """`host:port/transport` of the peer."""
    return f"{shown(flow.remote)}/{flow.transport}"


def registration_row(binding: Binding, now: float) -> dict[str, object]:
    """One row of `seaway status registrations`."""
    flow = binding.flow
    return {
        "user": text_of(binding.aor),
        "contact": text_of(binding.uri),
        "expires": round(binding.expires - now),
        "via": place_of(flow) if flow else "connection closed",
        "zone": binding.zone,
        "instance": text_of(binding.instance) if binding.instance is not None else None,
        "reg_id": binding.reg_id or None,
        "path": ", ".join(map(text_of, binding.path)) or None,
        "row": flow.row if flow else None,
        "agent": text_of(binding.agent),
    }


def report_unlocated(noise: Noise, log: Callable[..., None]) -> Callable[[Branch, str, float], None]:
    """What writes a line when no address is found for where a request should go."""

    def report(branch: Branch, why: str, now: float) -> None:
        if noise.allows(now):
            uri, call_id = text_of(branch.target.uri), text_of(branch.context.call_id)
            log("request.unlocated", "warning", uri=uri, why=why, call_id=call_id)

    return report


def found_by_dns(config: ControlConfig) -> list[dict[str, object]]:
    """The zones that have no peer of their own, for `seaway status zones`."""
    rows: list[dict[str, object]] = [
        {"name": each.name, "kind": "dns", "state": "configured", "peer": ", ".join(each.transports)}
        for each in config.dns_zones
    ]
    return rows + [
        {"name": each.name, "kind": "enum", "state": "configured", "peer": each.suffix} for each in config.enum_zones
    ]
