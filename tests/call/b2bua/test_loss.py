"""Calls over a network that loses, repeats and reorders datagrams: they come up, change and end all the same."""

from __future__ import annotations

import pytest

from ...support.messages import sdp
from .bench import ALICE, BOB, Bench


@pytest.mark.parametrize("seed", range(8))
def test_a_whole_call(seed: int) -> None:
    bench = Bench(seed=seed, network={"loss": 0.25, "duplicate": 0.1, "jitter": 0.05})
    alice, bob = bench.ua("alice"), bench.ua("bob")
    sent = alice.start(bob.uri, sdp(ALICE, 30000))
    came = bob.take("INVITE", 40)
    bob.reply(came, 180)

    def again(count: int = 0) -> None:
        """Bob's 2xx until its ACK."""
        if not bob.acks and count < 20:
            bob.reply(came, 200, sdp(BOB, 40000))
            bench.net.at(1.0, lambda: again(count + 1))

    again()
    bench.net.run(30)
    assert sent.final == 200 and bob.acks
    assert len(bench.calls()) == 1
    dialog = sent.dialogs[next(iter(sent.acked))]
    info = alice.ask(dialog, "INFO", b"x", content="text/plain")
    bob.reply(bob.take("INFO", 40), 200)
    bench.net.run(30)
    assert info.final == 200
    alice.ask(dialog, "BYE")
    bench.net.run(40)
    bench.net.loss = 0.0
    bench.over(100)
    assert bench.history()[-1]["reason"] == "hung up by the caller"


def test_the_ack_of_the_caller_is_lost_once() -> None:
    bench = Bench()
    alice, bob, sent, came = bench.calling()
    alice.auto_ack = False
    bob.reply(came, 200, sdp(BOB, 40000))
    bench.net.run(1.2)
    assert sum(each.status == 200 for each in sent.responses) >= 2
    alice.ack(sent)
    alice.ack(sent)
    bench.net.run(60)
    assert len(bench.calls()) == 1
