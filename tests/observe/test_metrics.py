"""The text for Prometheus, read by Prometheus' own parser."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from seaway.media.protocol import Describe, Described
from seaway.observe.metrics import VIEWS, exposition
from tests.media.harness import FakePorts, make_engine
from tests.media.test_sessions import PLAIN
from tests.media.test_totals import call


def views() -> dict[str, list[dict[str, Any]]]:
    """Of an edge with a call, as they come over the control socket."""
    ports = FakePorts()
    engine = make_engine(ports)
    call(engine, ports, "one", (1, 2, 5, 4))
    described = engine.command(Describe(1), 3.0)
    assert isinstance(described, Described)
    counters = {
        "sip.transactions": 3, "sip.registrations": 2, "b2bua.calls": 5, "sip.udp.received": 70, "event.zone.state": 4,
        "sip.udp.flows.outer": 5, "turn.allocations": 1, "turn.packets_to_peers": 10, "turn.octets_to_peers": 1000,
        "turn.packets_to_clients": 20, "turn.octets_to_clients": 2000, "turn.ports.udp4.size": 100,
        "turn.ports.udp4.free": 90, "turn.ports.udp4.resting": 4, "media.flows": 1, "defects": 0,
    }  # fmt: skip
    found = {
        "status": [{"node": 'edge"1', "role": "edge", "seconds": 9}],
        "zones": [
            {"name": "pair", "kind": "traversal-server", "state": "active"},
            {"name": "other", "kind": "traversal-server", "state": "failed"},
            {"name": "cm", "kind": "neighbour", "state": "configured"},
        ],
        "calls": [{}],
        "counters": [{"name": name, "value": value} for name, value in counters.items()],
        "relay": [asdict(described) | {"rows": {"T11-09": 7}, "engine": "tc"}],
        "legs": [asdict(each) for each in described.legs],
        "alarms": [
            {"severity": "critical", "state": "raised"},
            {"severity": "critical", "state": "cleared"},
            {"severity": "warning", "state": "acknowledged"},
        ],
        "processes": [
            {"process": "relay", "pid": 7, "restarts": 2, "cpu_seconds": 1.5, "resident_octets": 4096},
            {"process": "turn", "pid": 8, "restarts": 0, "cpu_seconds": None, "resident_octets": None},
        ],
    }
    assert set(found) == set(VIEWS)
    copy: dict[str, list[dict[str, Any]]] = json.loads(json.dumps(found))
    return copy


def values(text: str) -> dict[tuple[str, ...], float]:
    """Sample name and label values, in the order of the labels' names -> value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in read_prometheus(text)
        for sample in family.samples
    }


def test_what_the_views_say() -> None:
    found = values(exposition(views()))
    row = PLAIN.a.rows[0]
    expected: dict[tuple[str, ...], float] = {
        ("seaway_node_info", 'edge"1', "edge"): 1,
        ("seaway_engine_info", "tc"): 1,
        ("seaway_signal_uptime_seconds",): 9,
        ("seaway_zone_active", "traversal-server", "pair"): 1,
        ("seaway_zone_active", "traversal-server", "other"): 0,
        ("seaway_calls",): 1,
        ("seaway_media_sessions",): 1,
        ("seaway_media_legs", "plain", row): 1,
        ("seaway_rtp_packets_total", "plain", row): 4,
        ("seaway_rtp_bytes_total", "plain", row): 48,
        ("seaway_rtp_lost_packets_total", "plain", row): 1,
        ("seaway_rtp_reordered_packets_total", "plain", row): 1,
        ("seaway_media_refused_packets_total", "plain", row): 1,
        ("seaway_rtp_packets_total", "plain", PLAIN.b.rows[0]): 0,
        ("seaway_fastpath_packets_total", "T11-09"): 7,
        ("seaway_ports", "media-pairs", "used"): 2,
        ("seaway_ports", "media-pairs", "free"): 98,
        ("seaway_ports", "turn-udp4", "used"): 6,
        ("seaway_ports", "turn-udp4", "resting"): 4,
        ("seaway_ports", "turn-udp4", "free"): 90,
        ("seaway_sip_transactions",): 3,
        ("seaway_registrations",): 2,
        ("seaway_back_to_back_calls",): 5,
        ("seaway_turn_allocations",): 1,
        ("seaway_turn_relayed_packets_total", "to_clients"): 20,
        ("seaway_turn_relayed_bytes_total", "to_peers"): 1000,
        ("seaway_sip_udp_peers", "outer"): 5,
        ("seaway_events_total", "zone.state"): 4,
        ("seaway_counter_total", "sip.udp.received"): 70,
        ("seaway_counter_total", "defects"): 0,
        ("seaway_alarms_active", "critical", "raised"): 1,
        ("seaway_alarms_active", "warning", "acknowledged"): 1,
        ("seaway_alarms_active", "major", "raised"): 0,
        ("seaway_process_restarts_total", "relay"): 2,
        ("seaway_process_restarts_total", "turn"): 0,
        ("seaway_process_cpu_seconds_total", "relay"): 1.5,
        ("seaway_process_resident_memory_bytes", "relay"): 4096,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert ("seaway_process_cpu_seconds_total", "turn") not in found
    assert ("seaway_counter_total", "media.flows") not in found, "told once, by its own family"
    jitter = found["seaway_rtp_jitter_max_seconds", "plain", row]
    assert 0 < found["seaway_rtp_jitter_mean_seconds", "plain", row] == jitter < 1


@pytest.mark.parametrize("openmetrics", [False, True])
def test_each_family_is_whole_and_told_once(openmetrics: bool) -> None:
    text = exposition(views(), openmetrics=openmetrics)
    assert text.endswith("# EOF\n") is openmetrics
    read = read_openmetrics if openmetrics else read_prometheus
    families = list(read(text))
    assert len({each.name for each in families}) == len(families) > 30
    for family in families:
        assert re.fullmatch(r"seaway_[a-z_]+", family.name) and family.documentation


def test_without_relay_and_turn_the_rest_is_told() -> None:
    found = values(exposition({"status": views()["status"], "alarms": []}))
    assert ("seaway_alarms_active", "critical", "raised") in found
    assert not any(name.startswith("seaway_rtp") for name, *_ in found)
    assert exposition({}) is not None
