"""What is shed under overload, what passes, and that nothing is looked at without."""

from __future__ import annotations

from seaway.call.config import ControlConfig, NeighbourZone
from seaway.core.sip.io import Flow
from seaway.core.sip.tokens import RouteTokens
from seaway.observe.counters import Counters
from seaway.policy.overload import TICK, Load, Overload, Verdict
from seaway.runtime.driver import Driver
from seaway.runtime.overload import OverloadControl
from seaway.runtime.shedder import Outcome
from tests.runtime.rig import EchoCore, run
from tests.runtime.test_driver import TCP, UDP, Sender
from tests.support.messages import as_response, header, request

LINK = Flow(3, "tls", ("192.0.2.1", 7001), ("192.0.2.9", 25000), "inner", "T11-01", "pair")
SECRET = b"s" * 32


class Strict(Overload):
    """Refuses, or does what it is told."""

    answer = Verdict.REFUSE
    asked = 0

    def verdict(self, *_: object) -> Verdict:
        self.asked += 1
        self.refused += self.answer is Verdict.REFUSE
        return self.answer


class Rig:
    def __init__(self) -> None:
        self.core = EchoCore(echo=False)
        self.driver = Driver(self.core, Counters())
        self.udp, self.tcp, self.link = Sender(), Sender(), Sender()
        self.driver.datagrams[UDP.local] = self.udp
        self.driver.streams = {TCP.id: self.tcp, LINK.id: self.link}
        self.known: set[bytes] = set()
        self.dialogs: set[bytes] = set()
        zone = NeighbourZone("cm", ("198.51.100.5",), 5060, "tcp")
        config = ControlConfig("n", "edge", ("example.test",), "example.test", (), neighbours=(zone,), secret=SECRET)
        self.policy = Strict()
        self.control = OverloadControl(self.driver, config, self, {}, policy=self.policy)  # type: ignore[arg-type]
        self.now = 100.0

    def knows(self, key: bytes) -> bool:
        return key in self.known

    def filled(self) -> float:
        return 0.75

    def has_dialog(self, call_id: bytes) -> bool:
        return call_id in self.dialogs

    def trouble(self) -> None:
        while not self.policy.limiting:
            self.control.report(Load(1.0, 1.0), self.now)
            self.now += TICK

    def passes(self, data: bytes, flow: Flow = UDP) -> bool:
        before = len(self.core.received)
        self.driver.receive(data, flow, self.now)
        return len(self.core.received) > before


def test_without_overload_nothing_is_looked_at() -> None:
    async def main() -> None:
        rig = Rig()
        rig.control.report(Load(0.0, 0.5), 100.0)
        assert rig.driver.gate is None and rig.passes(b"anything") and rig.policy.asked == 0
        assert rig.control.state() == "no"

    run(main)


def test_new_requests_get_503_with_retry_after() -> None:
    async def main() -> None:
        rig = Rig()
        rig.trouble()
        for flow, sender in ((UDP, rig.udp), (TCP, rig.tcp), (LINK, rig.link)):
            assert not rig.passes(request("INVITE"), flow)
            got = sender.sent[-1]
            data = got[0] if flow is UDP else got
            assert as_response(data).status == 503 and 3 <= int(header(data, "retry-after")[0]) <= 6
        assert rig.udp.sent[0][1] == UDP.remote
        assert rig.driver.counters.get("overload.episodes") == 1
        assert not rig.passes(request("REGISTER")) and not rig.passes(request("OPTIONS"))
        assert "shed" in rig.control.state()

    run(main)


def test_without_rport_the_answer_goes_to_the_port_of_the_via() -> None:
    async def main() -> None:
        rig = Rig()
        rig.trouble()
        rig.passes(request("INVITE", via="SIP/2.0/UDP 192.0.2.9:5099;branch=z9hG4bKx"))
        assert rig.udp.sent[-1][1] == (UDP.remote[0], 5099)

    run(main)


def test_what_belongs_to_admitted_work_passes() -> None:
    async def main() -> None:
        rig = Rig()
        rig.trouble()
        token = RouteTokens(SECRET).make(b"n", b"call-1").decode()
        route = f"Route: <sip:{token}@198.51.100.1:5060;lr>"
        rig.known.add(b"z9hG4bKbranch1 192.0.2.10:5060")
        assert rig.passes(request("INVITE")), "a retransmission"
        rig.known.clear()
        assert rig.passes(request("BYE", to="<sip:b@example.test>;tag=1", headers=(route,)))
        assert rig.passes(request("ACK", to="<sip:b@example.test>;tag=1")) and rig.passes(request("CANCEL"))
        rig.dialogs.add(b"call-1")
        assert rig.passes(request("BYE", to="<sip:b@example.test>;tag=1")), "of a call through the B2BUA"
        assert not rig.passes(request("INVITE", branch="z9hG4bKother")), "not what only has its Call-ID"
        rig.dialogs.clear()
        rig.policy.asked = 0
        assert rig.passes(b"SIP/2.0 200 OK\r\n\r\n")
        assert rig.passes(request("OPTIONS"), LINK), "the keep-alive of a link"
        assert rig.policy.asked == 0

    run(main)


def test_a_dialog_that_is_not_ours_is_no_reason() -> None:
    """A flood that only claims to be in a dialog gains nothing."""

    async def main() -> None:
        rig = Rig()
        rig.trouble()
        token = RouteTokens(SECRET).make(b"n", b"another-call").decode()
        for route in ((), (f"Route: <sip:{token}@198.51.100.1:5060;lr>",), ("Route: <sip:x@198.51.100.1;lr>",)):
            assert not rig.passes(request("BYE", to="<sip:b@example.test>;tag=1", headers=route))

    run(main)


def test_the_ack_of_a_503_is_swallowed() -> None:
    async def main() -> None:
        rig = Rig()
        rig.trouble()
        rig.passes(request("INVITE"))
        to = header(rig.udp.sent[-1][0], "to")[0]
        assert not rig.passes(request("ACK", to=to))

    run(main)


def test_dropped_without_an_answer() -> None:
    async def main() -> None:
        rig = Rig()
        rig.trouble()
        rig.policy.answer = Verdict.DROP
        assert not rig.passes(request("INVITE")) and not rig.udp.sent
        rig.policy.answer = Verdict.REFUSE
        assert not rig.passes(request().replace(b"Via:", b"vIA:")) and not rig.udp.sent, "oddly written: not parsed"
        rig.policy.answer = Verdict.ADMIT
        assert rig.passes(request().replace(b"Via:", b"vIA:")) and rig.passes(request())

    run(main)


def test_it_ends() -> None:
    async def main() -> None:
        rig = Rig()
        rig.trouble()
        begin = rig.now
        while rig.policy.limiting:
            rig.control.report(Load(0.0, 0.5), rig.now)
            rig.now += TICK
        assert rig.driver.counters.get("overload.refused") == 0
        assert rig.now - begin < 2 and rig.driver.gate is None and rig.passes(request("INVITE"))

    run(main)


def test_without_time_left_nothing_new_is_looked_at() -> None:
    async def main() -> None:
        rig = Rig()
        rig.trouble()
        rig.policy.full = lambda now: True  # type: ignore[method-assign]
        assert not rig.passes(request("INVITE")) and rig.policy.asked == 0 and rig.policy.dropped == 1
        token = RouteTokens(SECRET).make(b"n", b"call-1").decode()
        inside = request("BYE", to="<sip:b@example.test>;tag=1", headers=(f"Route: <sip:{token}@198.51.100.1;lr>",))
        assert rig.passes(inside) and rig.passes(request("ACK", to="<sip:b@example.test>;tag=1"))
        assert rig.passes(request("OPTIONS"), LINK)

    run(main)


def test_it_measures() -> None:
    """The clock of the loop, a socket that is never empty, and the thread's own time."""

    async def main() -> None:
        rig = Rig()
        seen: list[Load] = []
        rig.control.report = lambda load, now: seen.append(load)  # type: ignore[method-assign]

        class Full:
            waits_since: float | None = None

        full = Full()
        rig.control._datagrams = {"inner": full}
        rig.control.start()
        rig.control._tick()
        full.waits_since = rig.control._ticked - 2.0
        rig.control._tick()
        rig.control.stop()
        assert seen[0].late < 1.0 and seen[1].late >= 2.0 and seen[1].busy >= 0.0
        assert seen[1].filled == 0.75

    run(main)


def test_the_native_shedder_reads_while_there_is_overload() -> None:
    async def main() -> None:
        rig = Rig()
        asked: list[tuple[int, tuple[int, int, int], int]] = []

        class Shedder:
            def read(self, socket: int, admit: tuple[int, int, int], refusals: int, retry_after: int) -> Outcome:
                asked.append((socket, admit, refusals))
                assert 3 <= retry_after <= 6
                return Outcome(10, [(request("INVITE"), UDP.remote)], 7, 2)

            def close(self) -> None:
                asked.append((0, (0, 0, 0), 0))

        rig.control._shedder = Shedder()  # type: ignore[assignment]
        assert rig.driver.shed is None
        rig.trouble()
        assert rig.driver.shed is not None
        assert rig.driver.shed(5, rig.now) == (10, [(request("INVITE"), UDP.remote)])
        assert asked == [(5, rig.policy.room(rig.now), rig.policy.refusals())]
        assert (rig.policy.refused, rig.policy.dropped) == (7, 2)
        rig.control.stop()
        assert rig.driver.shed is rig.driver.gate is None and len(asked) == 2

    run(main)
