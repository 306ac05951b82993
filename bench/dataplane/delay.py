"""Latency through a relay at 200 octets and 1000 flows: frames one at a time, evenly spaced.

20,000 a second, which all can do, and 50,000 where the relay does that without loss.
"""

from __future__ import annotations

import sys

from figures import Figure, figure
from rig import Later, Rig

from dataplane.flows import Traffic
from dataplane.ours import ENGINES, Engine
from dataplane.peers import Coturn, KernelForward, Nftables, Rtpengine
from dataplane.stage import Latency, Relay, Stage
from dataplane.turn_server import TurnServer

__all__ = ["NAME", "run"]

NAME = "media-latency"
_RATES = (20_000, 50_000)
_SECONDS = 0.4
_REPEATS, _ATTEMPTS = 3, 5
_QUEUE = 1000.0  # us; a median above is a queue that grows, not a latency


def run(rig: Rig) -> Later:
    """RTP relays first, then TURN."""
    relays: list[tuple[str, Relay]] = [("RTP", each) for each in (KernelForward(), Nftables(), Rtpengine())]
    relays += [("RTP", Engine(each, "rtp")) for each in ENGINES]
    relays += [("TURN", Coturn()), *(("TURN", TurnServer(each)) for each in ENGINES)]
    found: list[Figure] = []
    with Stage(rig.folder / NAME, rig.load_core, rig.subject_core) as stage:
        for kind, relay in relays:
            relay.targets = relay.start(stage)
            try:
                stage.verify(relay, "frames")
                stage.network.threads(sink=False)
                found += _rows(rig, stage, kind, relay)
            finally:
                relay.stop()
                stage.network.threads(sink=True)
    return lambda: found


def _rows(rig: Rig, stage: Stage, kind: str, relay: Relay) -> list[Figure]:
    found = []
    for rate in _RATES:
        runs = _runs(stage, relay, rate)
        if len(runs) < _REPEATS:
            print(f"bench: {relay.label} loses packets at {rate:,} a second, or lets a queue grow", file=sys.stderr)
            rig.discarded += 1
            break
        command = f"python bench/run.py --only {NAME}"
        values = {"median": [each.median for each in runs], "99th percentile": [each.high for each in runs]}
        for name, each in values.items():
            found.append(figure(NAME, relay.label, "us", each, command, case=f"{kind}, {rate:,} a second, {name}"))
    return found


def _runs(stage: Stage, relay: Relay, rate: int) -> list[Latency]:
    """Those in which no packets were lost or waited in a queue."""
    runs: list[Latency] = []
    for _ in range(_ATTEMPTS):
        window, latency = stage.latency(Traffic(relay.targets, 200), rate, _SECONDS, relay.pids())
        if not window.lost and latency.median < _QUEUE:
            runs.append(latency)
        if len(runs) == _REPEATS:
            break
    return runs
