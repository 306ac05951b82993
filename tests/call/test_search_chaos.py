"""Random dial plans, peers that answer anything or nothing, callers that hang up at any moment, lost datagrams.

Every call ends once, and nothing is left of it.
"""

from __future__ import annotations

import random

import pytest

from seaway.call.config import NeighbourZone
from seaway.policy.search_settings import SearchRule
from seaway.policy.zone_settings import ZoneSettings

from ..support.messages import header, sdp
from ..support.net import Host
from ..support.nodes import CORE, Pair
from ..support.phone import Dialog, Hop, Phone

PEERS = {"cm": "10.0.0.30", "pbx": "10.0.0.31"}
FINALS = [200, 200, 200, 302, 401, 403, 404, 404, 408, 415, 480, 486, 487, 488, 500, 503, 600, 603, 604]


def plan(rng: random.Random) -> tuple[SearchRule, ...]:
    targets = ["registrations", "traversal", *PEERS]
    return tuple(
        SearchRule(
            rng.choice([10, 20, 30]), rng.choice(targets), mode="alias-pattern", type="suffix", pattern="@example.test",
            behaviour="leave" if rng.random() < 0.7 else "replace", replace="",
            on_match="stop" if rng.random() < 0.1 else "continue", source=rng.choice(["any", "any", "local-zone"]),
        )
        for _ in range(rng.randrange(1, 7))
    )  # fmt: skip


def script(rng: random.Random, address: str) -> list[tuple[float, int, bytes]]:
    steps: list[tuple[float, int, bytes]] = []
    if rng.random() < 0.6:
        steps.append((rng.random() * 0.3, 180, b""))
    if rng.random() < 0.2:
        steps.append((0.3 + rng.random() * 0.2, 183, sdp(address, 45000)))
    if rng.random() < 0.9:
        status = rng.choice(FINALS)
        steps.append((0.5 + rng.random() * 2, status, sdp(address, 45000) if status == 200 else b""))
    return steps


@pytest.mark.parametrize("seed", range(12))
def test_every_call_ends_once_and_leaves_nothing(seed: int) -> None:
    rng = random.Random(seed)
    monitor = rng.choice([0.0, 20.0])
    zones = tuple(NeighbourZone(name, (address,), 5060, "udp", monitor=monitor) for name, address in PEERS.items())
    local = ZoneSettings("check", b2bua=rng.choice(["auto", "always"]))
    core = {"neighbours": zones, "search_rules": plan(rng), "local_zone": local}
    pair = Pair(seed, jitter=0.02, core=core)
    pair.core_relay.delay, pair.edge_relay.delay = rng.choice([0.0, 0.05, 0.8]), rng.choice([0.0, 0.3])
    peers = [Phone(pair.net, name, (address, 5060), Hop("udp", CORE, 5060, "inner")) for name, address in PEERS.items()]
    phones = [pair.inside("alice"), pair.inside("carol", address="10.0.0.21"), pair.outside("bob")]
    pair.net.loss = rng.choice([0.0, 0.05])
    calls = []
    for number in range(15):
        for phone in [*peers, *phones]:
            phone.script = script(rng, phone.address[0])
        caller = rng.choice(phones[:2])
        target = rng.choice(["alice", "carol", "bob", "dave", "nobody", "1234"])
        dialog = caller.call(f"sip:{target}@example.test", sdp(caller.address[0], 41000 + 2 * number))
        calls.append((caller, dialog))
        pair.net.run(rng.random() * 1.5)
        if rng.random() < 0.3:
            caller.cancel(dialog)
        pair.net.run(rng.random() * 4)
    pair.net.run(260)  # timer C, and what follows it
    for caller, dialog in calls:
        if dialog.acked and not dialog.ended:
            caller.bye(dialog)
    pair.net.run(200)
    for _, dialog in calls:
        finals = [each for each in dialog.statuses if each >= 200 or each == 0]
        assert len(finals) == 1, (dialog.call_id, dialog.statuses)
        quiet_afterwards(pair, dialog)
    clean(pair.core)
    clean(pair.edge)
    assert not pair.core_relay.sessions and not pair.edge_relay.sessions
    for relay in (pair.core_relay, pair.edge_relay):
        assert len(relay.closed) == len(set(relay.closed))
    for row in pair.core.core.snapshot("searches", pair.net.now):
        assert row["status"], row


def quiet_afterwards(pair: Pair, dialog: Dialog) -> None:
    """Once the caller has the final answer nobody else is made to ring."""
    branches: set[str] = set()
    answered = False
    for each in pair.net.wire:
        if dialog.call_id.encode() + b"\r\n" not in each.data:
            continue
        if each.source == "core1" and each.first.startswith("INVITE") and ";tag=" not in header(each.data, "to")[0]:
            branch = header(each.data, "via")[0]
            assert branch in branches or not answered, f"{each.target} rings at {each.time}"
            branches.add(branch)
        elif each.target in ("alice", "carol") and each.source == "core1" and each.first.startswith("SIP/2.0 "):
            status = int(each.first[8:11])
            answered = answered or (status >= 200 and status != 407 and "INVITE" in header(each.data, "cseq")[0])


def clean(host: Host) -> None:
    core = host.core
    assert not core._anchor._sessions and not core._anchor._held and not len(core._anchor._calls)
    left = {row["name"]: row["value"] for row in core.snapshot("counters", 1e9)}
    assert left["sip.transactions"] <= 3, "keep-alives at most"
    assert not host.events("defect")
