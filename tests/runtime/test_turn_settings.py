"""[turn] of a node's file: what it means to the core, and mistakes as one line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from seaway.catalog.deployment import Deployment, parse_deployment
from seaway.catalog.resolve import resolve
from seaway.core.turn.config import TurnConfig
from seaway.runtime.config import ConfigError, NodeConfig, parse_node_config
from seaway.runtime.turn import has_turn
from seaway.runtime.turn_config import turn_config
from seaway.runtime.turn_places import main_port, places, relay_places
from tests.runtime.rig import DEPLOYMENT, EDGE_INNER, EDGE_OUTER

WITH_TURN = DEPLOYMENT.replace("sip_calls = true", "sip_calls = true\nturn = true")
USER = '[[turn.user]]\nname = "al"\npassword = "secret"\n'


def config(turn: str, node: str = "edge1") -> NodeConfig:
    return parse_node_config(f'node = "{node}"\ndeployment = "d.toml"\nrun_dir = "run"\n{turn}', Path("/x/n.toml"))


def deployment(extra: str = "", text: str = WITH_TURN) -> Deployment:
    return parse_deployment(text + extra, "test")


def refused(turn: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config(turn)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_keys_are_those_of_the_realm() -> None:
    turn = config("[turn]\nbinding_open = true\n" + USER).turn
    assert turn is not None
    made = turn_config(turn, deployment(), relay_places(resolve(deployment()), "edge1"), bytes(32))
    assert made.realm == "example.test" and made.unauthenticated_binding and not made.tcp_relay
    assert made.users["al"].md5 == hashlib.md5(b"al:example.test:secret").digest()
    assert made.users["al"].sha256 == hashlib.sha256(b"al:example.test:secret").digest()
    assert {EDGE_INNER, EDGE_OUTER} <= set(made.own)


def test_stored_keys_are_the_values_of_node_ha1() -> None:
    key = hashlib.md5(b"al:example.test:secret").hexdigest()
    turn = config(f'[turn]\n[[turn.user]]\nname = "al"\nkey_md5 = "{key}"\n').turn
    assert turn is not None
    made = turn_config(turn, deployment(), relay_places(resolve(deployment()), "edge1"), bytes(32))
    assert made.users["al"].md5 == bytes.fromhex(key) and made.users["al"].sha256 is None


def test_a_translated_nic_is_advertised() -> None:
    text = WITH_TURN.replace(
        f'nic.outer.address = "{EDGE_OUTER}/24"',
        f'nic.outer.address = "{EDGE_OUTER}/24"\nnic.outer.public = "203.0.113.9"',
    ).replace('between = ["dmz", "internet"]', 'between = ["dmz", "internet"]\nnat = true')
    turn = config("[turn]\n" + USER).turn
    assert turn is not None
    nat = deployment(text=text)
    made = turn_config(turn, nat, relay_places(resolve(nat), "edge1"), bytes(32))
    assert made.public == {EDGE_OUTER: "203.0.113.9"} and "203.0.113.9" in made.own


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        ("[turn]\n", "nobody could use it"),
        ("[turn]\n" + USER + USER, "user al occurs twice"),
        ('[turn]\nallow_peers = ["10.0.0.1/8"]\n' + USER, "is not an address or a network"),
        ("[turn]\nlifetime = 4000\n" + USER, "lifetime is above maximum_lifetime"),
        ("[turn]\ntcp_relay = true\n" + USER, "tcp_relays"),
        ('[turn]\n[[turn.user]]\nname = "al"\n', "give either password or key_sha256/key_md5"),
        ('[turn]\n[[turn.user]]\nname = "al"\nkey_md5 = "SECRETSECRET"\n', "lower-case hex"),
    ],
)
def test_mistakes_are_one_line(turn: str, says: str) -> None:
    assert says in refused(turn)


def test_no_secret_in_an_error() -> None:
    assert "SECRETSECRET" not in refused('[turn]\n[[turn.user]]\nname = "al"\nkey_md5 = "SECRETSECRET"\n')
    assert "geheim" not in refused('[turn]\nsecrets = ["geheim", 5]\n')


def test_a_long_realm_is_refused_with_its_setting() -> None:
    turn = config(f'[turn]\nrealm = "{"x" * 40}"\n' + USER).turn
    assert turn is not None
    with pytest.raises(ConfigError, match="turn"):
        turn_config(turn, deployment(), relay_places(resolve(deployment()), "edge1"), bytes(32))


def test_turn_where_there_is_none_is_refused() -> None:
    without = deployment(text=DEPLOYMENT)
    with pytest.raises(ConfigError, match="no TURN server"):
        has_turn(config("[turn]\n" + USER), without, resolve(without))
    there = deployment()
    assert has_turn(config("[turn]\n" + USER), there, resolve(there))
    assert not has_turn(config(""), there, resolve(there))
    with pytest.raises(ConfigError, match="no TURN server"):
        has_turn(config("[turn]\n" + USER, node="core1"), there, resolve(there))


def test_places_are_those_of_the_rows() -> None:
    found = {(each.transport.value, each.nic, each.port): each for each in places(resolve(deployment()), "edge1")}
    assert set(found) == {(t, nic, 3478) for t in ("tcp", "udp") for nic in ("inner", "outer")}
    assert found["udp", "inner", 3478].rows == ("T11-14", "T11-15")
    on_443 = deployment("[ports]\nturn_tcp443 = true\nweb_admin = 7443\n")
    web = [each for each in places(resolve(on_443), "edge1") if each.web]
    assert {(each.nic, each.port, each.rows) for each in web} == {(nic, 443, ("P-01",)) for nic in ("inner", "outer")}


def test_the_port_of_other_servers_is_not_that_of_the_web() -> None:
    """A client that is sent elsewhere (300) comes over UDP as well, where 443 is nobody's."""
    for tables in ("", "[ports]\nturn_tcp443 = true\nweb_admin = 7443\n"):
        assert main_port(places(resolve(deployment(tables)), "edge1")) == 3478
    on_443 = deployment("[ports]\nturn = 443\nweb_admin = 7443\n")
    assert main_port(places(resolve(on_443), "edge1")) == 443


def test_a_large_system_has_six_ports() -> None:
    large = deployment(text=WITH_TURN.replace('domain = "example.test"', 'domain = "example.test"\nsize = "large"'))
    ports = {each.port for each in places(resolve(large), "edge1")}
    assert ports == set(range(3478, 3484))


def test_relays_are_on_the_outer_nic() -> None:
    relays = relay_places(resolve(deployment()), "edge1")
    assert set(relays) == {4}
    place = relays[4]
    assert (place.nic, str(place.address)) == ("outer", EDGE_OUTER)
    assert place.udp == ("T11-16", "T11-17") and place.listens == ("T11-17",) and place.dials == ("T11-16",)


SIX = ('outer.address = "{}/24"', 'outer.address = "{}/24"\nnic.outer.address6 = "2001:db8:3::20/64"')


def made_of(there: Deployment) -> TurnConfig:
    turn = config("[turn]\n" + USER).turn
    assert turn is not None
    return turn_config(turn, there, relay_places(resolve(there), "edge1"), bytes(32))


def test_a_nic_with_both_families_relays_in_both() -> None:
    both = deployment(text=WITH_TURN.replace(*(each.format(EDGE_OUTER) for each in SIX)))
    relays = relay_places(resolve(both), "edge1")
    assert {family: str(place.address) for family, place in relays.items()} == {4: EDGE_OUTER, 6: "2001:db8:3::20"}
    assert relays[6].udp == relays[4].udp and relays[6].dials == relays[4].dials
    made = made_of(both)
    assert made.families == {4, 6} and "2001:db8:3::20" in made.own and EDGE_OUTER in made.own
    outer = {(each.transport.value, each.address) for each in places(resolve(both), "edge1") if each.nic == "outer"}
    assert outer == {(way, address) for way in ("tcp", "udp") for address in (EDGE_OUTER, "2001:db8:3::20")}


def test_an_ipv6_edge_relays_ipv6_only() -> None:
    text = WITH_TURN.replace(f'outer.address = "{EDGE_OUTER}/24"', 'outer.address = "2001:db8:3::20/64"')
    assert made_of(deployment(text=text)).families == {6}


def test_static_nat_translates_its_own_family() -> None:
    lines = "\n".join((SIX[1].format(EDGE_OUTER), 'nic.outer.public = "203.0.113.20"'))
    text = WITH_TURN.replace(SIX[0].format(EDGE_OUTER), lines)
    text = text.replace('between = ["dmz", "internet"]', 'between = ["dmz", "internet"]\nnat = true')
    assert made_of(deployment(text=text)).public == {EDGE_OUTER: "203.0.113.20"}


def test_r1_inside_networks_with_global_addresses_are_no_peers() -> None:
    """R1: with IPv6 the inside has global addresses, which no list of special networks refuses."""
    from seaway.core.turn.peer_policy import PeerPolicy

    text = WITH_TURN.replace('sip_endpoint = ["', 'sip_endpoint = ["2600:1:2::/64", "')
    made = made_of(deployment(text=text))
    assert [str(each) for each in made.inside] == ["2600:1:2::/64"], "private ones are refused anyway"
    assert not PeerPolicy(inside=made.inside).allows("2600:1:2::7")
    assert PeerPolicy(inside=made.inside).allows("2600:1:3::7")
    assert PeerPolicy(inside=made.inside, allow=made.inside).allows("2600:1:2::7"), "allow_peers opens it"
