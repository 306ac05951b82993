"""Which requests that are too large for a datagram may go by TCP instead (RFC 3261 §18.1.1)."""

from __future__ import annotations

from seaway.core.sip.context import Target
from seaway.core.sip.io import Flow, Hop
from seaway.core.sip.registrar import Registrar
from seaway.core.sip.sides import Sides

__all__ = ["Large"]


class Large:
    """A phone that registered over UDP is reached on that flow and nowhere else (RFC 5626 §5.3): it may stand behind a
    NAT or a firewall that lets nobody dial it."""

    def __init__(self, sides: Sides, registrar: Registrar) -> None:
        self._sides = sides
        self._registrar = registrar

    def stream_for(self, target: Target, where: Flow | Hop, now: float) -> Hop | None:
        """The place over TCP; `None`: the request goes as a datagram all the same."""
        if target.payload.startswith(b"u") or not self._sides.has("tcp", where.nic):
            return None
        if self._registrar.by_contact(target.uri, now) is not None:
            return None
        host, port = where.remote if isinstance(where, Flow) else (where.host, where.port)
        return Hop("tcp", host, port, where.nic)
