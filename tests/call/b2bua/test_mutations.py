"""Calls whose messages are spoilt on the way, with parties that do anything at any time: nothing raises out of the
core, and nothing is left when it is over."""

from __future__ import annotations

from random import Random

import pytest

from ...support.messages import sdp
from ...support.net import Network
from ...support.nodes import CORE
from ...support.ua import Ua
from .bench import ALICE, Bench

_VALUES = (b"", b"<", b"\xff", b"9" * 30, b"<sip:x@[::1>", b"a,b,,c", b"<tel:1>;tag=x", b"x;tag=\x01")
_OLD = (b"tag=", b"sip:", b"m=audio", b"c=IN", b"INVITE", b"RTP/AVP", b"branch=")
_NEW = (b"", b"x", b"m=video 0", b"c=IN IP4 0.0.0.0 ")


def spoilt(rng: Random, data: bytes) -> bytes:
    """A message with octets, lines or values changed."""
    lines = data.split(b"\r\n")
    index = rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            octets = bytearray(data)
            octets[rng.randrange(len(octets))] = rng.randrange(256)
            return bytes(octets)
        case 1:
            del lines[index]
        case 2:
            lines.insert(index, rng.choice(lines))
        case 3:
            lines[index] = lines[index].partition(b":")[0] + b": " + rng.choice(_VALUES)
        case 4:
            return data[: rng.randrange(len(data))]
        case _:
            return data.replace(rng.choice(_OLD), rng.choice(_NEW), rng.randrange(1, 3))
    return b"\r\n".join(lines)


def answer(rng: Random, ua: Ua) -> None:
    """Answer something that waits, somehow."""
    came = ua.inbox.pop(rng.randrange(len(ua.inbox)))
    place = sdp(ua.address[0], rng.randrange(30000, 40000))
    if came.request.method != b"INVITE":
        offered = came.request.method == b"UPDATE"
        ua.reply(came, rng.choice((200, 200, 488, 491, 500)), place if offered else b"")
        return
    known = came.request.require(b"to").partition(b"tag=")[2].decode("latin-1")
    for status in rng.choice(((180, 200), (183, 200), (486,), (200,), (491,), (200, 200))):
        reliable = ("Require: 100rel", f"RSeq: {rng.choice((1, 1, 2))}") if status == 183 and rng.random() < 0.5 else ()
        ua.reply(
            came, status, place if status in (183, 200) else b"", *reliable, tag=known or rng.choice(("", "t1", "t2"))
        )


def ask(rng: Random, ua: Ua) -> None:
    """Send something inside one of the dialogs."""
    dialogs = [each for sent in ua._sent.values() for each in sent.dialogs.values()]
    dialogs += [ua.dialog(each) for each in ua.history if each.request.method == b"INVITE"]
    if not dialogs:
        return
    method = rng.choice(("INVITE", "UPDATE", "INFO", "REFER", "PRACK", "BYE", "MESSAGE", "INVITE"))
    headers = {"REFER": ("Refer-To: <sip:carol@example.test>",), "PRACK": ("RAck: 1 1 INVITE",)}.get(method, ())
    offer = method in ("INVITE", "UPDATE") and rng.random() < 0.8
    ua.ask(rng.choice(dialogs), method, sdp(ua.address[0], rng.randrange(30000, 40000)) if offer else b"", *headers)


@pytest.mark.parametrize("seed", range(40))
def test_anything_goes_and_nothing_stays(seed: int) -> None:
    rng = Random(seed)
    bench = Bench(seed=seed, refer=rng.choice(("handle", "pass")))
    uas = [bench.ua(name) for name in ("alice", "bob", "carol")]
    share, plain = rng.choice((0.05, 0.2, 0.5)), Network.datagram

    def datagram(sender: str, source: tuple[str, int], target: tuple[str, int], data: bytes) -> None:
        plain(
            bench.net, sender, source, target, spoilt(rng, data) if target[0] == CORE and rng.random() < share else data
        )

    bench.net.datagram = datagram  # type: ignore[method-assign]
    for ua in uas:
        ua.automatic.update({b"BYE": 200, b"INFO": 200, b"NOTIFY": 200, b"PRACK": 200})
    offer = b"" if rng.random() < 0.3 else sdp(ALICE, 30000)
    sent = uas[0].start(uas[1].uri, offer, "Supported: 100rel, timer", "Allow: INVITE, UPDATE")
    for _ in range(30):
        bench.net.run(rng.choice((0.1, 0.5, 2.0)))
        ua = rng.choice(uas)
        (answer if ua.inbox else ask)(rng, ua)
        if rng.random() < 0.05:
            uas[0].cancel_call(sent)
    share = 0.0
    bench.core.disconnect(None, bench.net.now)
    bench.net.drain(bench.host)
    for ua in uas:
        ua.automatic.update({b"INVITE": 486, b"UPDATE": 488, b"REFER": 403, b"MESSAGE": 200})
    bench.net.run(200)
    assert not bench.core._b2bua._legs and not bench.relay.sessions and not bench.core._anchor._held
    for ua in uas:
        ua.defects.clear()  # what a party cannot read of its own spoilt dialogs is no matter here
    bench.over()
