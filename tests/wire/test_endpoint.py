"""Addresses with ports as text."""

from __future__ import annotations

from seaway.wire.endpoint import shown, version_of


def test_ipv6_stands_in_brackets() -> None:
    assert shown(("203.0.113.20", 5060)) == "203.0.113.20:5060"
    assert shown(("2001:db8::20", 5060)) == "[2001:db8::20]:5060"


def test_the_ip_version() -> None:
    assert version_of(("203.0.113.20", 5060)) == 4
    assert version_of(("::1", 5060)) == 6
