"""Figures of a node for Prometheus, made from the rows of its status views. Knows no socket: the views are handed in.

Names and units follow the conventions of Prometheus (https://prometheus.io/docs/practices/naming/): seconds, bytes,
`_total` for what only grows. Labels are catalog rows, kinds of legs, names of processes, zones and events; never calls,
users or addresses, so the number of series does not grow with traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from seaway.observe.alarms import SEVERITIES

__all__ = ["VIEWS", "exposition", "families"]

VIEWS = ("status", "zones", "calls", "counters", "relay", "legs", "alarms", "processes")
"""What `exposition` needs. A view that could not be had is left out of the mapping."""

Rows = Sequence[Mapping[str, Any]]

_LEGS = (  # of `LegTotals`: field, name, help
    ("packets", "seaway_rtp_packets", "RTP packets that came in"),
    ("octets", "seaway_rtp_bytes", "Octets of RTP packets that came in"),
    ("rtcp_packets", "seaway_rtcp_packets", "RTCP packets that came in"),
    ("lost", "seaway_rtp_lost_packets", "RTP packets that were expected and did not come (RFC 3550 A.3)"),
    ("reordered", "seaway_rtp_reordered_packets", "RTP packets that came after a later one"),
    ("refused", "seaway_media_refused_packets", "Packets dropped: wrong source, nobody latched, malformed"),
    ("unauthenticated", "seaway_srtp_unauthenticated_packets", "SRTP and SRTCP that no key authenticates"),
)
_RELAY = (
    ("unknown_source", "seaway_media_unknown_source_packets", "Packets at demultiplexing ports of no flow"),
    ("unsent", "seaway_media_unsent_packets", "Packets that the kernel did not take"),
    ("oversize", "seaway_media_oversize_packets", "Datagrams too long for media"),
    ("not_fast", "seaway_media_flows_not_fast", "Flows that the fast path could not have"),
)
_GAUGES = {  # counters that are none: name of the view, name, help
    "sip.transactions": ("seaway_sip_transactions", "SIP transactions alive"),
    "sip.registrations": ("seaway_registrations", "Bindings of the registrar"),
    "b2bua.calls": ("seaway_back_to_back_calls", "Calls that go through the B2BUA"),
    "sip.stream.accepted": ("seaway_sip_connections", "SIP connections accepted and open"),
    "turn.allocations": ("seaway_turn_allocations", "TURN allocations"),
}
_TURN_TRAFFIC = {
    "turn.packets_to_peers": ("packets", "to_peers"),
    "turn.packets_to_clients": ("packets", "to_clients"),
    "turn.octets_to_peers": ("bytes", "to_peers"),
    "turn.octets_to_clients": ("bytes", "to_clients"),
}


def exposition(views: Mapping[str, Rows], *, openmetrics: bool = False) -> str:
    """The text to be scraped: Prometheus' own format 0.0.4, or OpenMetrics 1.0."""
    registry = CollectorRegistry()
    registry.register(_Views(views))
    generate: Callable[[CollectorRegistry], bytes] = generate_openmetrics if openmetrics else generate_latest
    return generate(registry).decode()


class _Views(Collector):
    def __init__(self, views: Mapping[str, Rows]) -> None:
        self._views = views

    def collect(self) -> Iterator[Metric]:
        return families(self._views)


def families(views: Mapping[str, Rows]) -> Iterator[Metric]:
    """One family for each figure of which there is a value."""
    for status in views.get("status", ()):
        yield InfoMetricFamily("seaway_node", "The node", {"node": str(status["node"]), "role": str(status["role"])})
        yield GaugeMetricFamily("seaway_signal_uptime_seconds", "Since the start of signalling", status["seconds"])
    yield from _zones(views.get("zones", ()))
    if "calls" in views:
        yield GaugeMetricFamily("seaway_calls", "Calls through this node", len(views["calls"]))
    for relay in views.get("relay", ()):
        yield from _relay(relay)
    if "legs" in views:
        yield from _legs(views["legs"])
    amounts = {str(row["name"]): row["value"] for row in views.get("counters", ())}
    yield from _counters(amounts)
    yield _pools(views.get("relay", ()), amounts)
    if "alarms" in views:
        yield _alarms(views["alarms"])
    yield from _processes(views.get("processes", ()))


def _counter(name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for each, value in values:
        family.add_metric(each, value)
    return family


def _gauge(name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for each, value in values:
        family.add_metric(each, value)
    return family


def _zones(rows: Rows) -> Iterator[Metric]:
    links = [row for row in rows if str(row.get("kind", "")).startswith("traversal")]
    states = [((str(row["name"]), str(row["kind"])), float(row["state"] == "active")) for row in links]
    if states:
        yield _gauge("seaway_zone_active", "Whether a traversal zone is active", ("zone", "kind"), states)


def _relay(relay: Mapping[str, Any]) -> Iterator[Metric]:
    yield InfoMetricFamily("seaway_engine", "What carries established media", {"engine": str(relay["engine"])})
    yield GaugeMetricFamily("seaway_media_sessions", "Sessions of the relay", relay["sessions"])
    yield GaugeMetricFamily("seaway_media_flows", "Directions that the fast path carries", relay["flows"])
    for field, name, text in _RELAY:
        yield CounterMetricFamily(name, text, relay[field])
    carried = [((str(row),), float(packets)) for row, packets in relay["rows"].items()]
    yield _counter("seaway_fastpath_packets", "Packets the fast path carried, in and out by row", ("row",), carried)


def _legs(legs: Rows) -> Iterator[Metric]:
    where = [(str(each["row"]), str(each["kind"])) for each in legs]
    labels = ("row", "leg")

    def of(field: str, scale: float = 1.0) -> list[tuple[Sequence[str], float]]:
        return [(place, each[field] * scale) for place, each in zip(where, legs, strict=True)]

    yield _gauge("seaway_media_legs", "Legs of live sessions", labels, of("legs"))
    for field, name, text in _LEGS:
        yield _counter(name, text, labels, of(field))
    text = "jitter of live legs (RFC 3550 A.8)"
    yield _gauge("seaway_rtp_jitter_mean_seconds", f"Mean {text}", labels, of("mean_jitter_ms", 0.001))
    yield _gauge("seaway_rtp_jitter_max_seconds", f"Largest {text}", labels, of("max_jitter_ms", 0.001))


def _pools(relays: Rows, amounts: Mapping[str, float]) -> Metric:
    """Ports by pool and state; those of the media range in pairs."""
    values: list[tuple[Sequence[str], float]] = []

    def add(pool: str, size: float, used: float, resting: float) -> None:
        for state, value in (("used", used), ("resting", resting), ("free", size - used - resting)):
            values.append(((pool, state), value))

    for relay in relays:
        add("media-pairs", relay["port_pairs"], relay["port_pairs_used"], relay["port_pairs_resting"])
    for name, size in amounts.items():
        if name.startswith("turn.ports.") and name.endswith(".size"):
            front = name.removesuffix("size")
            free, resting = amounts[front + "free"], amounts[front + "resting"]
            add("turn-" + front.split(".")[2], size, size - free - resting, resting)
    return _gauge("seaway_ports", "Ports of a pool: in use, resting after their use, free", ("pool", "state"), values)


def _counters(amounts: Mapping[str, float]) -> Iterator[Metric]:
    """Those of the view `counters` that no other family has."""
    events: list[tuple[Sequence[str], float]] = []
    rest: list[tuple[Sequence[str], float]] = []
    traffic: dict[str, list[tuple[Sequence[str], float]]] = {"packets": [], "bytes": []}
    peers: list[tuple[Sequence[str], float]] = []
    for name, value in amounts.items():
        if name in _GAUGES:
            yield GaugeMetricFamily(*_GAUGES[name], value)
        elif name in _TURN_TRAFFIC:
            unit, direction = _TURN_TRAFFIC[name]
            traffic[unit].append(((direction,), value))
        elif name.startswith("event."):
            events.append(((name.removeprefix("event."),), value))
        elif name.startswith("sip.udp.flows."):
            peers.append(((name.removeprefix("sip.udp.flows."),), value))
        elif not name.startswith(("media.", "turn.ports.")):
            rest.append(((name,), value))
    for unit, values in traffic.items():
        if values:
            yield _counter(f"seaway_turn_relayed_{unit}", f"{unit.title()} relayed by TURN", ("direction",), values)
    yield _gauge("seaway_sip_udp_peers", "SIP peers remembered over UDP", ("place",), peers)
    yield _counter("seaway_events", "Lines of the log that signalling wrote, by event", ("event",), events)
    yield _counter("seaway_counter", "Other counters of the node, by name", ("name",), rest)


def _alarms(rows: Rows) -> Metric:
    found = [(each, state) for each in SEVERITIES for state in ("raised", "acknowledged")]
    values = [(labels, float(sum((row["severity"], row["state"]) == labels for row in rows))) for labels in found]
    return _gauge("seaway_alarms_active", "Alarms that are not cleared", ("severity", "state"), values)


def _processes(rows: Rows) -> Iterator[Metric]:
    labels = ("process",)
    yield _counter(
        "seaway_process_restarts", "Times a process was started again", labels,
        [((str(row["process"]),), row["restarts"]) for row in rows],
    )  # fmt: skip
    alive = [row for row in rows if row["cpu_seconds"] is not None]
    yield _counter(
        "seaway_process_cpu_seconds", "Time on a CPU, user and system", labels,
        [((str(row["process"]),), row["cpu_seconds"]) for row in alive],
    )  # fmt: skip
    yield _gauge(
        "seaway_process_resident_memory_bytes", "Resident memory", labels,
        [((str(row["process"]),), row["resident_octets"]) for row in alive],
    )  # fmt: skip
