"""Registrations over a restart of the signalling process."""

from __future__ import annotations

import random
from typing import Any

import pytest

from seaway.call.config import Registrations, Rule
from seaway.call.control import Control
from seaway.call.kept import PREFIX
from seaway.core.sip.io import Hop
from seaway.core.sip.registrar import Bounds

from ..support.messages import SDP
from ..support.net import Host
from ..support.nodes import CORE, EDGE, Pair, config, users
from ..support.phone import Phone
from .test_contacts import Site, device, invites
from .test_edge_registration import pair

SECRET = b"0123456789abcdef"


def restart(site: Site | Pair, host: Host, after: float = 0.0, **changes: Any) -> None:
    """Another process takes over what the store has; the wall clock went on meanwhile."""
    old = host.core
    made = Control(config(**{**_values(old.config), **changes}), random.Random(77).randbytes)
    net = site.net
    made.clock(1_000_000.0 + net.now + after, net.now)
    host.log.clear()
    made.keeper.restore(sorted(host.kept.items()), net.now, SECRET)
    net.replace(host, made)


def _values(made: Any) -> dict[str, Any]:
    return {name: getattr(made, name) for name in type(made).__slots__}


def site(**changes: Any) -> Site:
    made = Site(persistent=True, **changes)
    made.core.core.clock(1_000_000.0 + made.net.now, made.net.now)
    made.core.core.keeper.restore([], made.net.now, SECRET)
    return made


def test_a_udp_phone_is_called_after_a_restart_without_registering_again() -> None:
    both = site()
    bob, alice = both.phone("bob", 30), both.phone("alice", 20)
    restart(both, both.core)
    dialog = alice.call("sip:bob@example.test")
    both.net.run(3)
    assert dialog.statuses[-1] == 200 and invites(bob) == 1
    assert bob.registered[-1][0] == 200 and len(bob.registered) == 1


def test_a_phone_on_a_stream_is_known_and_reached_when_it_is_back() -> None:
    both = site()
    bob = both.phone("bob", 30, "tcp")
    restart(both, both.core)
    (row,) = both.core.core.snapshot("registrations", both.net.now)
    assert (row["contact"], row["via"]) == (bob.contact_uri, "connection closed")
    alice = both.phone("alice", 20)
    dialog = alice.call("sip:bob@example.test")
    both.net.run(1)
    assert dialog.statuses == [480]
    assert bob.register() == 200
    assert len(both.core.core.snapshot("registrations", both.net.now)) == 2, "the same binding"
    dialog = alice.call("sip:bob@example.test")
    both.net.run(3)
    assert dialog.statuses[-1] == 200


def test_time_goes_on_while_nothing_runs() -> None:
    both = site()
    both.phone("bob", 30)
    restart(both, both.core, after=200.0)
    (row,) = both.core.core.snapshot("registrations", both.net.now)
    assert 390 < int(row["expires"]) < 400
    both = site()
    both.phone("bob", 30)
    restart(both, both.core, after=601.0)
    assert not both.core.core.snapshot("registrations", both.net.now)


def test_a_wall_clock_that_was_set_back_makes_nothing_last() -> None:
    both = site(registrar=Bounds(maximum=700))
    both.phone("bob", 30)
    restart(both, both.core, after=-86400.0)
    (row,) = both.core.core.snapshot("registrations", both.net.now)
    assert int(str(row["expires"])) == 700


def test_what_ends_is_kept_no_longer() -> None:
    both = site(registrar=Bounds(minimum=1))
    bob, alice = both.phone("bob", 30), both.phone("alice", 20)
    assert set(both.core.kept) == {PREFIX + "bob@example.test", PREFIX + "alice@example.test"}
    bob.register(0)
    assert set(both.core.kept) == {PREFIX + "alice@example.test"}
    alice.register(2)
    both.net.run(10)
    assert not both.core.kept, "expired"


def test_order_gruus_and_flows_outlive_it() -> None:
    both = site()
    bob = both.phone("bob", 30, params=device(1) + ";q=0.7", headers=("Supported: path, outbound, gruu",))
    before = both.core.core.snapshot("registrations", both.net.now)
    gruu = both.gruu(bob, "temp")
    restart(both, both.core)
    assert both.core.core.snapshot("registrations", both.net.now) == before
    alice = both.phone("alice", 20)
    dialog = alice.call(gruu)
    both.net.run(3)
    assert dialog.statuses[-1] == 200
    bob._reg -= 2  # an old request of before the restart, replayed
    assert bob.register() in (401, 500)


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_phone_behind_the_edge_is_reached_at_once(transport: str) -> None:
    both = Pair(
        core={"persistent": True, "rules": (Rule(10, ".*", "registrations"),), "users": users("alice", "bob")},
        edge={"users": (), "rules": (), "registrations": (Registrations("example.test", "traversal"),)},
    )  # fmt: skip
    both.core.core.clock(1_000_000.0 + both.net.now, both.net.now)
    bob = Phone(
        both.net, "bob", ("198.51.100.20", 5060), Hop(transport, EDGE, 5061 if transport == "tls" else 5060, "inner")
    )  # type: ignore[arg-type]
    assert bob.register() == 200
    restart(both, both.core)
    both.media(both.core, lambda c: c.media_ready(both.net.now))
    both.net.run(3)
    assert both.zones() == ("active", "active")
    alice = both.inside("alice")
    dialog = alice.call("sip:bob@example.test", SDP)
    both.net.run(3)
    assert dialog.statuses[-1] == 200 and invites(bob) == 1


def test_an_edge_with_another_secret_says_that_the_flow_is_gone() -> None:
    """After a reboot without its run directory the edge does not know its own tokens; the core drops the binding."""
    both = pair()
    both.outside("bob", "udp")
    alice = both.inside("alice")
    changed = config(**{**_values(both.edge_config), "secret": b"another secret of the edge node"})
    both.net.replace(both.edge, Control(changed, random.Random(5).randbytes))
    both.media(both.edge, lambda c: c.media_ready(both.net.now))
    both.net.run(5)
    dialog = alice.call("sip:bob@example.test", SDP)
    both.net.run(3)
    assert dialog.statuses == [480]
    assert len(both.core.core.snapshot("registrations", both.net.now)) == 1, "alice only"


def test_users_and_domains_that_are_gone_do_not_come_back() -> None:
    both = site()
    both.phone("bob", 30)
    both.phone("alice", 20)
    restart(both, both.core, users=users("alice"))
    assert [row["user"] for row in both.core.core.snapshot("registrations", both.net.now)] == ["alice@example.test"]
    restart(both, both.core, domains=("other.test",), realm="other.test")
    assert not both.core.core.snapshot("registrations", both.net.now)


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[1]", b'[{"uri": 1}]', b"[[]]", b"\xff", b"null", b'[{"uri": "sip:a@b", "q": "x"}]']
)
def test_a_value_that_cannot_be_read_costs_that_user_only(value: bytes) -> None:
    both = site()
    both.phone("bob", 30)
    core = both.core.core
    made = Control(core.config, random.Random(7).randbytes)
    made.clock(1_000_000.0 + both.net.now, both.net.now)
    rows = [(PREFIX + "a@example.test", value), *both.core.kept.items()]
    assert made.keeper.restore(rows, both.net.now) == (1, 0 if value == b"{}" else 1)


def test_nothing_is_said_when_nobody_keeps() -> None:
    made = Site()
    made.phone("bob", 30)
    assert not made.core.kept and not made.core.core._registrar.changed
    assert CORE


def test_many_changes_are_told_in_parts() -> None:
    """A crowd that comes at once does not hold up the calls."""
    made = site(registrar=Bounds(contacts_per_user=3))
    keeper, registrar = made.core.core.keeper, made.core.core._registrar
    registrar.changed = {b"u%d@example.test" % number for number in range(7)}
    assert len(keeper.changes(3)) == 3 and keeper.more
    assert len(keeper.changes(3)) == 3 and keeper.more
    assert len(keeper.changes(3)) == 1 and not keeper.more
