"""Which peers may be reached (R1, R2)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.core.turn.fold import fold
from seaway.core.turn.peer_policy import PeerPolicy
from seaway.core.turn.special import SPECIAL

from .rig import networks

NAT64 = IPv6Network("2600:64:64::/48")


def number(address: str) -> int:
    return int.from_bytes(ip_address(address).packed, "big")


def spellings(inner: str) -> dict[str, str]:
    """One IPv4 address in each of its IPv6 disguises, with outer forms that are otherwise ordinary."""
    low = number(inner)
    rfc6052_48 = number("2600:64:64::") | (low >> 16) << 64 | (low & 0xFFFF) << 40
    values = {
        "mapped": 0xFFFF << 32 | low,
        "compatible": low,
        "SIIT": 0xFFFF0000 << 32 | low,
        "NAT64": number("64:ff9b::") | low,
        "NAT64 of ours": rfc6052_48,
        "6to4": 0x2002 << 112 | low << 80 | 1,
        "Teredo client": number("2001:0:808:808::") | low ^ 0xFFFFFFFF,
        "Teredo server": number("2001::") | low << 64 | 0xF7F7F7F7,
        "ISATAP": number("2600:1:2:3:0:5efe::") | low,
        "ISATAP, global": number("2600:1:2:3:200:5efe::") | low,
    }
    return {name: str(IPv6Address(value)) for name, value in values.items()}


FORBIDDEN = [
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
]  # fmt: skip
FORBIDDEN6 = [
    "::", "::1", "64:ff9b:1::808:808", "100::1", "100:0:0:1::1", "2001:2::1", "2001:db8::1", "3fff::1", "5f00::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip


@pytest.mark.parametrize("host", FORBIDDEN + FORBIDDEN6)
def test_r1_special_addresses_are_refused(host: str) -> None:
    assert not PeerPolicy().allows(host)


@pytest.mark.parametrize("host", FORBIDDEN)
def test_r1_in_every_spelling(host: str) -> None:
    policy = PeerPolicy(nat64=(NAT64,))
    for name, spelling in spellings(host).items():
        assert not policy.allows(spelling), name


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "223.255.255.255", "2600::1", "2a00::1"]
)
def test_r1_ordinary_neighbours_pass(host: str) -> None:
    assert PeerPolicy().allows(host)


def test_r1_ordinary_addresses_pass_in_spellings_that_are_in_use() -> None:
    policy = PeerPolicy(nat64=(NAT64,))
    passed = {name for name, spelling in spellings("8.8.8.8").items() if policy.allows(spelling)}
    assert passed == {"NAT64", "NAT64 of ours", "6to4", "ISATAP", "ISATAP, global"}


def test_r2_own_addresses_are_refused_in_every_spelling_whatever_is_allowed() -> None:
    policy = PeerPolicy(
        own=("8.8.8.8", "2600::7"), allow=networks("0.0.0.0/0", "::/0", "8.8.8.8/32", "2600::7/128"), nat64=(NAT64,)
    )
    assert not policy.allows("8.8.8.8") and not policy.allows("2600::7")
    for name, spelling in spellings("8.8.8.8").items():
        assert not policy.allows(spelling), name
    assert policy.allows("8.8.4.4") and policy.allows("2600::8")


def test_the_most_specific_network_decides() -> None:
    policy = PeerPolicy(
        allow=networks("10.0.0.0/8", "10.1.2.0/24", "0.0.0.0/0", "9.9.9.0/24"),
        deny=networks("10.1.0.0/16", "9.0.0.0/8", "9.9.9.0/24"),
    )
    assert policy.allows("10.9.9.9")  # the same network as a default one: the setting wins
    assert not policy.allows("10.1.1.1")
    assert policy.allows("10.1.2.3")
    assert not policy.allows("127.0.0.1")  # "everything" opens nothing special
    assert not policy.allows("9.1.1.1")
    assert not policy.allows("9.9.9.9")  # of the same network deny wins
    assert policy.allows("11.0.0.1")


def test_inner_and_outer_must_pass() -> None:
    policy = PeerPolicy(deny=networks("2002::/16"), allow=networks("10.0.0.0/8"))
    assert not policy.allows(spellings("8.8.8.8")["6to4"])
    assert policy.allows(spellings("10.1.1.1")["NAT64"])


@pytest.mark.parametrize("host", ["", "localhost", "fe80::1%eth0", "8.8.8", "1.2.3.4.5", "8.8.8.8 "])
def test_what_is_no_address_is_refused(host: str) -> None:
    assert not PeerPolicy().allows(host)


@given(st.ip_addresses(v=4))
def test_folding_finds_the_address_in_each_spelling(host: IPv4Address) -> None:
    for name, spelling in spellings(str(host)).items():
        if name == "compatible" and number(str(host)) < 2:
            continue  # :: and ::1
        assert host in fold(IPv6Address(spelling), (NAT64,)), name


@given(st.integers(0, 2**128 - 1), st.sampled_from([32, 40, 48, 56, 64, 96]))
def test_folding_takes_any_address(value: int, length: int) -> None:
    prefix = IPv6Network((value, length), strict=False)
    assert len(fold(IPv6Address(value), (prefix,))) >= 1
    PeerPolicy(nat64=(prefix,)).allows(str(IPv6Address(value)))


@pytest.mark.parametrize(
    ("prefix", "spelling"),
    [
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ],
)
def test_rfc_6052_examples(prefix: str, spelling: str) -> None:
    # RFC 6052 §2.4
    assert fold(IPv6Address(spelling), (IPv6Network(prefix),)) == (IPv4Address("192.0.2.33"),)


def test_special_networks_do_not_repeat() -> None:
    assert len(set(SPECIAL)) == len(SPECIAL)
