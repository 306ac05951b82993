"""A call that is over leaves nothing behind, and nothing that only the garbage collector could find."""

from __future__ import annotations

import gc

from seaway.call.config import ControlConfig, Listener, NeighbourZone, Rule
from seaway.call.control import Control
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Branch, Context
from seaway.core.sip.io import Flow, Send
from seaway.core.sip.server import ServerTransaction
from seaway.wire.sip.message import Request, Response, parse

_HERE = ("192.0.2.10", 5060)
_LISTENER = Listener("udp", _HERE, _HERE, "inner", "Y01-01")
_CALLER = Flow(1, "udp", _HERE, ("192.0.2.20", 5060), "inner", "Y01-01")
_CALLEE = Flow(2, "udp", _HERE, ("192.0.2.30", 5060), "inner", "Y01-01")
_KEPT = (Branch, ClientTransaction, Context, Request, Response, ServerTransaction)


def _control() -> Control:
    neighbours = tuple(
        NeighbourZone(name, (flow.remote[0],), 5060, "udp") for name, flow in (("in", _CALLER), ("out", _CALLEE))
    )
    config = ControlConfig(
        "core1", "core", ("example.test",), "example.test", (_LISTENER,),
        neighbours=neighbours, rules=(Rule(1, ".*", "out"),), secret=bytes(16),
    )  # fmt: skip
    control = Control(config, lambda count: bytes(count))
    control.start(0.0)
    return control


def _sent(control: Control) -> list[bytes]:
    found = []
    while (output := control.next_output()) is not None:
        if isinstance(output, Send):
            found.append(output.data)
    return found


def _request(method: bytes, number: int, route: list[bytes]) -> bytes:
    lines = [
        b"%b sip:bob@192.0.2.30 SIP/2.0" % method,
        b"Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK%d%b" % (number, method),
        *(b"Route: " + each for each in route),
        b"Max-Forwards: 70",
        b"From: <sip:alice@example.test>;tag=a",
        b"To: <sip:bob@example.test>" + (b";tag=b" if route else b""),
        b"Call-ID: 1",
        b"CSeq: %d %b" % (number, method),
        b"Contact: <sip:alice@192.0.2.20:5060>",
        b"Content-Length: 0",
    ]
    return b"\r\n".join([*lines, b"", b""])


def _answer(request: bytes, status: bytes) -> bytes:
    message = parse(request)
    kept = [
        line + (b";tag=b" if name == b"to" and b"tag" not in line else b"")
        for name, line in zip(message.names, message.lines, strict=True)
        if name in (b"via", b"from", b"to", b"call-id", b"cseq", b"record-route")
    ]
    return b"\r\n".join([b"SIP/2.0 " + status, *kept, b"Content-Length: 0", b"", b""])


def _kept() -> int:
    return sum(isinstance(each, _KEPT) for each in gc.get_objects())


def _answered_call(control: Control) -> None:
    control.receive(_request(b"INVITE", 1, []), _CALLER, 1.0)
    invite = _sent(control)[-1]
    control.receive(_answer(invite, b"180 Ringing"), _CALLEE, 1.1)
    ok = _answer(invite, b"200 OK")
    control.receive(ok, _CALLEE, 1.2)
    route = parse(_sent(control)[-1]).all(b"record-route")[::-1]
    control.receive(ok, _CALLEE, 1.7)  # the callee repeats it until the ACK comes
    assert len(_sent(control)) == 1
    control.receive(_request(b"ACK", 1, route), _CALLER, 1.8)
    control.receive(_request(b"BYE", 2, route), _CALLER, 2.0)
    control.receive(_answer(_sent(control)[-1], b"200 OK"), _CALLEE, 2.1)
    assert _sent(control)[0].startswith(b"SIP/2.0 200 OK")


def _refused_call(control: Control) -> None:
    control.receive(_request(b"INVITE", 1, []), _CALLER, 1.0)
    invite = _sent(control)[-1]
    busy = _answer(invite, b"486 Busy Here")
    control.receive(busy, _CALLEE, 1.2)
    ack, answer = _sent(control)
    assert ack.startswith(b"ACK ")
    assert answer.startswith(b"SIP/2.0 486 ")
    control.receive(busy, _CALLEE, 1.7)  # repeated: acknowledged again
    assert [each[:4] for each in _sent(control)] == [b"ACK "]
    control.receive(_request(b"ACK", 1, []), _CALLER, 1.8)


def test_nothing_is_left_of_a_call() -> None:
    for play in (_answered_call, _refused_call):
        control = _control()
        gc.collect()
        gc.disable()
        try:
            before = _kept()
            play(control)
            assert _kept() > before
            for second in range(3, 60):
                control.handle_timeout(float(second))
                _sent(control)
            assert len(control._proxy.layer) == 0
            assert _kept() == before
        finally:
            gc.enable()
