"""Which features work right now? Starts nodes and phones afresh and tries everything a row can break."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

from seaway.lab.accounts import ALICE, BOB
from seaway.lab.errors import LabError
from seaway.lab.expectations import Feature
from seaway.lab.network import Network
from seaway.lab.pair import Pair
from seaway.lab.relaying import RelayTrial
from seaway.lab.session import CallReport, Session

__all__ = ["Measured", "expire_idle_udp", "measure", "measure_relays", "names_ok"]

_F = Feature


@dataclass(slots=True)
class Measured:
    working: set[Feature] = field(default_factory=set)
    broken: set[Feature] = field(default_factory=set)
    calls: list[CallReport] = field(default_factory=list)

    def note(self, feature: Feature, works: bool) -> bool:
        (self.working if works else self.broken).add(feature)
        return works


def expire_idle_udp(network: Network) -> None:
    """Forget the core host's UDP signalling entries. A real host firewall does so after 30 to 120 idle seconds, far
    below the life of a registration; the proof does not wait that long. A call to the phone then needs its own row."""
    with contextlib.suppress(LabError):  # conntrack exits with 1 when there was nothing to forget
        network.run("core1", ["conntrack", "-D", "-p", "udp", "--orig-port-dst", "5060"])


def names_ok(pair: Pair, node: str, patience: float) -> bool:
    """Whether the node's last look-up of every checked name worked; waits for the first results."""
    limit = time.monotonic() + patience
    while True:
        with contextlib.suppress(LabError):
            names = pair.status(node, "dns")
            if names and all(each["state"] == "resolved" for each in names):
                return True
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)


def measure(
    network: Network,
    session: Session,
    expected: frozenset[Feature] = frozenset(),
    *,
    talk: float = 1.2,
    rtcp: bool = False,
    turn: bool = False,
) -> Measured:
    """Everything that can be measured. What is expected to fail gets less patience, so that a failure is quick; what
    is expected to work gets enough for a busy machine. RTCP takes six seconds of call and is tried on request; `turn`
    is an exchange over TURN beside the calls."""
    result = Measured()
    with contextlib.ExitStack() as open_things:
        trial = RelayTrial(network) if turn else None
        if trial is not None:
            open_things.callback(trial.close)
            trial.start()
        _calls(result, network, session, expected, talk, rtcp)
        if trial is not None:
            _relaying(result, trial, expected)
    return result


def measure_relays(network: Network, expected: frozenset[Feature] = frozenset()) -> Measured:
    """The TURN exchange alone."""
    result = Measured()
    with contextlib.closing(RelayTrial(network)) as trial:
        trial.start()
        _relaying(result, trial, expected)
    return result


def _relaying(result: Measured, trial: RelayTrial, expected: frozenset[Feature]) -> None:
    """The TURN exchange that ran beside the calls."""
    trial.wait("client", 3.0 if expected & {_F.TURN, _F.RELAY_OUT, _F.RELAY_IN} else 10.0)
    # The core's relay leads to the same far side: its client ends by itself only when relaying works.
    trial.wait("core", 3.0 if expected & {_F.TURN_CORE, _F.RELAY_OUT, _F.RELAY_IN} else 10.0)
    result.note(_F.TURN_CORE, trial.core.allocated)
    if result.note(_F.TURN, trial.client.allocated):
        result.note(_F.RELAY_OUT, trial.peer_heard)
        result.note(_F.RELAY_IN, trial.client.complete)


def _calls(
    result: Measured,
    network: Network,
    session: Session,
    expected: frozenset[Feature],
    talk: float,
    rtcp: bool,
) -> None:
    def patience(feature: Feature) -> float:
        return 1.5 if feature in expected else 8.0

    zone = result.note(_F.ZONE, session.pair.wait_zone(patience(_F.ZONE)))
    outside = result.note(_F.REGISTRATION_OUT, session.registered(ALICE.name, patience(_F.REGISTRATION_OUT)))
    inside = result.note(_F.REGISTRATION_IN, session.registered(BOB.name, patience(_F.REGISTRATION_IN)))
    result.note(_F.NAMES_CORE, names_ok(session.pair, "core1", patience(_F.NAMES_CORE)))
    result.note(_F.NAMES_EDGE, names_ok(session.pair, "edge1", patience(_F.NAMES_EDGE)))
    ready = zone and outside and inside
    expire_idle_udp(network)
    first = session.call(
        ALICE,
        BOB,
        talk=talk,
        until_rtcp=7.0 if rtcp and ready else 0.0,
        patience=8.0 if ready and _F.CALL_IN not in expected else 1.5,
    )
    result.calls.append(first)
    if result.note(_F.CALL_IN, first.established and first.ended):
        into, out = first.directions
        result.note(_F.AUDIO_IN, into.good)
        result.note(_F.AUDIO_OUT, out.good)
        if rtcp:
            result.note(_F.RTCP_IN, into.rtcp_seen)
            result.note(_F.RTCP_OUT, out.rtcp_seen)
    second = session.call(BOB, ALICE, talk=0.2, patience=8.0 if ready and _F.CALL_OUT not in expected else 1.5)
    second.directions.clear()  # too short to judge its sound; the first call did that
    result.calls.append(second)
    result.note(_F.CALL_OUT, second.established and second.ended)
