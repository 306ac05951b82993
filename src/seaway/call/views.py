"""Values for log lines and `seaway status`."""

from __future__ import annotations

from seaway.core.sip.io import Flow
from seaway.core.sip.registrar import Binding
from seaway.wire.endpoint import shown

__all__ = ["place_of", "registration_row", "text_of"]


def text_of(octets: bytes) -> str:
    """Readable, whatever the octets are."""
    return octets.decode("utf-8", "backslashreplace")


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
        "row": flow.row if flow else None,
        "agent": text_of(binding.agent),
    }
