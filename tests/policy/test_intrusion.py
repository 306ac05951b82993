"""Who is blocked, for how long, and who never is."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from seaway.policy.intrusion import DEFAULTS, Block, Category, Intrusion, Trigger, is_scanner
from seaway.wire.endpoint import source_of

AUTH = Category.AUTHENTICATION
TRIGGERS = {
    AUTH: Trigger(3, 10.0, 60.0),
    Category.SCANNER: Trigger(2, 10.0, 60.0),
    Category.FLOOD: Trigger(1, 1.0, 1.0, False),
}


def caught(policy: Intrusion, address: str, *times: float, category: Category = AUTH) -> list[Block]:
    return [block for now in times if (block := policy.report(category, address, now)) is not None]


def test_the_threshold_within_the_window() -> None:
    policy = Intrusion(TRIGGERS)
    assert caught(policy, "192.0.2.7", 0, 9) == []
    assert caught(policy, "192.0.2.7", 10.5, 19.5) == [], "never three within ten seconds"
    (block,) = caught(policy, "192.0.2.7", 20)
    assert (block.source, block.category, block.since, block.until) == ("192.0.2.7", AUTH, 20, 80)
    assert caught(policy, "192.0.2.7", 22, 23, 24) == [], "it is blocked already"


def test_sources_and_categories_are_counted_apart() -> None:
    policy = Intrusion(TRIGGERS)
    assert caught(policy, "192.0.2.7", 0, 0) == caught(policy, "192.0.2.8", 0, 0) == []
    assert caught(policy, "192.0.2.7", 1, category=Category.SCANNER) == []
    assert len(caught(policy, "192.0.2.7", 1)) == 1
    assert len(caught(policy, "192.0.2.8", 1, category=Category.SCANNER)) == 0


def test_a_block_ends_and_counting_begins_anew() -> None:
    policy = Intrusion(TRIGGERS)
    caught(policy, "192.0.2.7", 0, 0, 0)
    assert policy.expire(59) == [] and [each.source for each in policy.expire(60)] == ["192.0.2.7"]
    assert caught(policy, "192.0.2.7", 61, 62) == [] and len(caught(policy, "192.0.2.7", 63)) == 1


def test_a_forged_source_blocks_nobody() -> None:
    """Over UDP anybody can write any address: what is not proven does not count."""
    policy = Intrusion(TRIGGERS)
    for _ in range(1000):
        assert policy.report(AUTH, "192.0.2.7", 0.0, proven=False) is None
    assert policy.unproven == 1000 and policy.watched() == 0


def test_whoever_has_one_address_of_a_64_has_them_all() -> None:
    policy = Intrusion(TRIGGERS)
    found = [block for n in range(3) if (block := policy.report(AUTH, f"2001:db8:1:2::{n}", 0.0))]
    assert [each.source for each in found] == ["2001:db8:1:2::"]
    assert caught(policy, "2001:db8:1:3::1", 0) == []


def test_our_own_peers_are_never_blocked() -> None:
    policy = Intrusion(TRIGGERS, [ip_network("10.0.1.0/24"), ip_network("2001:db8:1:2::20"), ip_network("192.0.2.9")])
    for address in ("10.0.1.77", "2001:db8:1:2::66", "192.0.2.9", "::ffff:10.0.1.5"):
        assert caught(policy, address, 0, 0, 0, 0) == [], address
        assert not policy.restore(Block(source_of(address), AUTH, 0, 1000), 1)
    assert policy.watched() == 0
    assert len(caught(policy, "10.0.2.1", 0, 0, 0)) == 1


def test_a_category_that_is_off() -> None:
    assert caught(Intrusion(TRIGGERS), "192.0.2.7", 0, 0, category=Category.FLOOD) == []
    assert caught(Intrusion(TRIGGERS), "192.0.2.7", 0, 0, category=Category.MALFORMED) == []


def test_tables_are_bounded() -> None:
    policy = Intrusion(TRIGGERS, sources=100, blocks=5)
    for number in range(1000):
        policy.report(AUTH, f"10.0.{number // 250}.{number % 250}", 0.0)
    assert policy.watched() == 100
    for number in range(20):
        caught(policy, f"10.1.0.{number}", 1, 1, 1)
    assert len(policy.blocks()) == 5


def test_lifting_blocks() -> None:
    policy = Intrusion(TRIGGERS)
    for address in ("192.0.2.7", "192.0.2.8", "2001:db8::1"):
        caught(policy, address, 0, 0, 0)
    assert [each.source for each in policy.unblock("2001:db8::77")] == ["2001:db8::"]
    assert policy.unblock("192.0.2.66") == []
    assert len(policy.unblock(None)) == 2 and policy.blocks() == []
    with pytest.raises(ValueError, match="address"):
        policy.unblock("nonsense")


def test_blocks_of_an_earlier_life() -> None:
    policy = Intrusion(TRIGGERS)
    assert policy.restore(Block("192.0.2.7", AUTH, 0, 100), 50)
    assert not policy.restore(Block("192.0.2.8", AUTH, 0, 50), 50), "it is over"
    assert [each.source for each in policy.blocks()] == ["192.0.2.7"]


def test_known_scanners() -> None:
    assert is_scanner(b"friendly-scanner") and is_scanner(b"SIPVicious 0.3") and not is_scanner(b"Linphone/4.4")
    assert set(DEFAULTS) == set(Category)


def test_an_office_of_phones_is_no_scanner() -> None:
    """Each phone is challenged and then proves itself: what was counted is taken back."""
    policy = Intrusion()
    for number in range(1000):
        assert policy.report(Category.ENUMERATION, "192.0.2.7", number / 100) is None
        policy.relieve(Category.ENUMERATION, "192.0.2.7")
    policy.relieve(Category.ENUMERATION, "192.0.2.7")
    policy.relieve(Category.ENUMERATION, "192.0.2.99")
    blocks = [policy.report(Category.ENUMERATION, "192.0.2.7", 20.0) for _ in range(100)]
    assert blocks[:99] == [None] * 99 and blocks[99] is not None, "one that only asks is"
