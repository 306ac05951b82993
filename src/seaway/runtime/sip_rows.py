"""The catalog rows by which a node speaks SIP, by what it does with them.

Several rows can share one port: a phone inside, a call manager and another core all come to 5061 of the core. The order
is that of the catalog, which the firewalls have too, so that a connection has the same row here and there: rows of
single peers come before those of whole networks.
"""

from __future__ import annotations

__all__ = [
    "SIP_DIAL_ROWS", "SIP_LISTENER_ROWS", "SIP_UDP_ROWS", "SIP_WSS_ROWS", "TRAVERSAL_ROW",
]  # fmt: skip

TRAVERSAL_ROW = "T11-01"

SIP_WSS_ROWS = ("Y11-01", "Y11-02")  # browsers outside, inside

_CLUSTER = ("T10-02",)  # from one node to another of its role; each is at both ends (A-09: T10-01 is not opened)
_FROM_TRUNKS = ("T18-02", "T18-04", "T27-07", "T27-08")  # the call manager to the core
_FROM_OUTSIDE = ("T25-04", "T25-05", "T26-03", "T26-04", "T27-04")  # callers of a meeting server to the edge

SIP_LISTENER_ROWS = (
    *_CLUSTER, TRAVERSAL_ROW, "T11-05", "T11-06", "T11-07", "T11-08", *_FROM_TRUNKS, *_FROM_OUTSIDE,
    "Y01-01", "Y01-02", "Y01-03", *SIP_WSS_ROWS,
)  # fmt: skip

_TO_TRUNKS = ("T18-01", "T18-03", "T25-03", "T26-02", "T27-02", "T27-03", "T27-05", "T27-06")
_TO_OUTSIDE = ("Y03-01", "Y03-02", "Y03-03")  # the edge to those whom a meeting server calls

SIP_DIAL_ROWS = (*_CLUSTER, *_TO_TRUNKS, "T11-03", "T11-04", *_TO_OUTSIDE)
"""Over TCP and TLS: the core to the inside, the edge to the internet."""

SIP_UDP_ROWS = ("T11-02", "T11-05", "T25-02", "Y01-01")
"""Whatever of these the node has shares its port 5060."""
