"""Addresses with ports as text."""

from __future__ import annotations

import pytest

from seaway.wire.endpoint import canonical, scoped, shown, source_of, version_of


def test_ipv6_stands_in_brackets() -> None:
    assert shown(("203.0.113.20", 5060)) == "203.0.113.20:5060"
    assert shown(("2001:db8::20", 5060)) == "[2001:db8::20]:5060"


def test_the_ip_version() -> None:
    assert version_of(("203.0.113.20", 5060)) == 4
    assert version_of(("::1", 5060)) == 6


def test_one_source() -> None:
    assert source_of("203.0.113.20") == "203.0.113.20"
    assert source_of("2001:db8:0:1::20") == source_of("2001:db8:0:1:ffff::1") != source_of("2001:db8:0:2::20")
    assert source_of("fe80::1%eth0") == source_of("fe80::2%eth0")


def test_scoped_addresses() -> None:
    assert scoped("fe80::1%eth0")
    assert not scoped("fe80::1") and not scoped("203.0.113.20")


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("2001:DB8:0:0::20", "2001:db8::20"),
        ("2001:0db8::0020", "2001:db8::20"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("phone.example.test", "phone.example.test"),
        ("", ""),
    ],
)
def test_addresses_as_packets_have_them(written: str, printed: str) -> None:
    assert canonical(written) == printed


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
        ("2001:db8:1:3:3::4", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_what_counts_as_one_source(address: str, source: str) -> None:
    assert source_of(address) == source
