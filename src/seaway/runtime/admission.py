"""Which packets a fast path may carry: those that a catalog row admits (invariant 2).

A fast path in the kernel passes the host's own filter by, so the same rows decide here, when a flow is added. Rows in
`closed` admit nothing on the fast path; their packets go through the host's filter, which has the word.
"""

from __future__ import annotations

from ipaddress import ip_address

from seaway.catalog.model import Opens, Transport
from seaway.catalog.resolve import Resolution
from seaway.media.protocol import Address
from seaway.runtime.claims import Claim, claims_of

__all__ = ["Admission"]


class Admission:
    """Of one node: `admission(local, remote, incoming)`. `closed` are row ids."""

    def __init__(self, resolution: Resolution, node: str, closed: frozenset[str] = frozenset()) -> None:
        self._ways: dict[tuple[str, bool], list[Claim]] = {}  # (address, incoming) -> claims that admit
        for connection in resolution.connections:
            if connection.carrier.transport is not Transport.UDP or connection.row.id in closed:
                continue
            replies = connection.opens is Opens.SOURCE
            for claim in claims_of(connection, resolution.deployment.node(node), resolution):
                for incoming in (True, False):
                    if claim.listens is incoming or replies:
                        self._ways.setdefault((claim.address, incoming), []).append(claim)

    def __call__(self, local: Address, remote: Address, incoming: bool) -> str | None:
        """The row that admits such packets, or `None`."""
        host = ip_address(remote[0])
        for claim in self._ways.get((local[0], incoming), ()):
            if local[1] in claim.ports and claim.reaches(host, remote[1]):
                return claim.row
        return None
