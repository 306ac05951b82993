"""CPU per relayed packet: RTP beside the kernel and rtpengine, TURN beside coturn. One subject at a time."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from figures import Figure, figure
from rig import Later, Rig
from sipp import BenchError

from dataplane.flows import FLOWS
from dataplane.ours import ENGINES, Engine
from dataplane.peers import Coturn, KernelForward, Nftables, Rtpengine
from dataplane.stage import FRAMES, PACKETS, Relay, Stage, Window, relay_cost
from dataplane.turn_server import TurnServer

__all__ = ["RTP", "TURN", "rtp", "turn"]

RTP, TURN = "media-rtp", "media-turn"
_NAMES = {FRAMES: "frames", PACKETS: "sockets"}
_SIZES = (200, 1200)
_FLOWS = (1, FLOWS)


def rtp(rig: Rig) -> Later:
    """Forwarding, NAT, rtpengine, and our engines."""
    return _measure(rig, RTP, [KernelForward(), Nftables(), Rtpengine(), *(Engine(each, "rtp") for each in ENGINES)])


def turn(rig: Rig) -> Later:
    """ChannelData from client to peer: coturn and our engines."""
    return _measure(rig, TURN, [Coturn(), *(TurnServer(each) for each in ENGINES)])


def _measure(rig: Rig, bench: str, relays: Sequence[Relay]) -> Later:
    found: list[Figure] = []
    with Stage(rig.folder / bench, rig.load_core, rig.subject_core) as stage:
        for relay in relays:
            found += _one(rig, stage, bench, relay)
    return lambda: found


def _one(rig: Rig, stage: Stage, bench: str, relay: Relay) -> list[Figure]:
    found = []
    relay.targets = relay.start(stage)
    try:
        for generator, name in _NAMES.items():
            stage.verify(relay, generator)
            relay.rate = Relay.rate
            for size in _SIZES:
                for flows in _FLOWS:
                    case = f"{name}, {size} octets, {flows:,} flow{'s' * (flows > 1)}"
                    try:
                        windows = relay_cost(stage, generator, flows, size, relay)
                    except BenchError as error:  # the other rows still count; this one is not on the page
                        print(f"bench: {case}: {error}", file=sys.stderr)
                        rig.discarded += 1
                        continue
                    found.append(_figure(bench, relay, case, windows))
    finally:
        relay.stop()
    return found


def _figure(bench: str, relay: Relay, case: str, windows: Sequence[Window]) -> Figure:
    rate = sum(each.arrived for each in windows) / sum(each.seconds for each in windows) / 1000
    costs = [each.cost * 1e9 for each in windows]
    command = f"python bench/run.py --only {bench}"
    return figure(bench, relay.label, "ns CPU per packet", costs, command, case=case, note=f"{rate:,.0f}")
