"""Overload control against a simulated server of known capacity, on its own clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush

import pytest

from seaway.policy.overload import TICK, Load, Overload, Rank, Verdict

FIRST, LATER, REFUSAL, READING = 0.0004, 0.0006, 0.00001, 0.0000025  # seconds: INVITE, rest of the call, 503, a drop
CAPACITY = 1 / (FIRST + LATER)  # calls per second
STEP = 0.001
HOLD = 0.3  # seconds of a call


@dataclass
class Server:
    """A queue worked off first come first served, as a socket is. `rates`: offered calls per second over time."""

    policy: Overload = field(default_factory=Overload)
    now: float = 100.0
    rank: Rank = Rank.CALL
    done: list[float] = field(default_factory=list)  # when each call ended
    waited: list[float] = field(default_factory=list)  # how long each part of a dialog waited
    dropped_inside: int = 0
    shed: list[float] = field(default_factory=list)
    queue: deque[tuple[float, bool]] = field(default_factory=deque)
    later: list[float] = field(default_factory=list)
    limit: int = 2000  # of the socket's buffer, messages

    def run(self, rate: float, seconds: float) -> None:
        end, credit, debt, busy, ticked = self.now + seconds, 0.0, 0.0, 0.0, self.now
        while self.now < end:
            self.now += STEP
            credit += rate * STEP
            while credit >= 1:
                credit -= 1
                if len(self.queue) < self.limit:
                    self.queue.append((self.now, False))
            while self.later and self.later[0] <= self.now:
                came = heappop(self.later)
                if len(self.queue) < self.limit:
                    self.queue.append((came, True))
                else:
                    heappush(self.later, came + 0.5)  # the sender's timer
                    self.dropped_inside += 1
            left = STEP - debt
            while self.queue and left > 0:
                left -= self._work()
            busy += STEP - max(0.0, left)
            debt = max(0.0, -left)
            if self.now - ticked >= TICK:
                late = self.now - self.queue[0][0] if self.queue else 0.0
                self.policy.tick(Load(late, busy / (self.now - ticked)), self.now)
                busy, ticked = 0.0, self.now

    def _work(self) -> float:
        came, inside = self.queue.popleft()
        if inside:
            self.waited.append(self.now - came)
            self.done.append(self.now)
            return LATER
        if self.policy.limiting:
            verdict = self.policy.verdict(self.rank, "192.0.2.1", self.now)
            if verdict is not Verdict.ADMIT:
                self.shed.append(self.now)
                if verdict is Verdict.DROP:
                    self.policy.spent(READING)
                    return READING
                self.policy.spent(READING + REFUSAL)
                return READING + REFUSAL
        heappush(self.later, self.now + HOLD)
        return FIRST

    def goodput(self, since: float, until: float) -> float:
        return sum(since <= each < until for each in self.done) / (until - since)


def test_nothing_is_refused_below_capacity() -> None:
    server = Server()
    server.run(0.85 * CAPACITY, 10)
    assert not server.policy.limiting and not server.shed


def test_a_short_burst_is_queued_not_refused() -> None:
    server = Server()
    server.run(0.5 * CAPACITY, 2)
    server.run(3 * CAPACITY, 0.06)
    server.run(0.5 * CAPACITY, 2)
    assert not server.shed and server.goodput(101, 104) == pytest.approx(CAPACITY * 0.55, rel=0.05)


@pytest.mark.parametrize(("times", "share"), [(1.2, 0.85), (2, 0.85), (5, 0.8), (10, 0.7), (25, 0.5)])
def test_goodput_stays(times: float, share: float) -> None:
    server = Server()
    server.run(times * CAPACITY, 12)
    assert server.goodput(102, 112) > share * CAPACITY
    calm = sorted(server.waited[len(server.waited) // 2 :])
    assert calm[round(0.99 * len(calm)) - 1] < 0.25, "what belongs to a dialog does not wait long"


def test_without_control_it_collapses() -> None:
    """The twin: the simulation can fail."""
    server = Server()
    server.policy.tick = lambda load, now: False  # type: ignore[method-assign]
    server.run(5 * CAPACITY, 12)
    assert server.dropped_inside > 1000 and server.goodput(102, 112) < 0.8 * CAPACITY


def test_normal_again_within_five_seconds() -> None:
    server = Server()
    server.run(5 * CAPACITY, 10)
    begin = server.now
    server.run(0.8 * CAPACITY, 6)
    assert not server.policy.limiting
    assert not [each for each in server.shed if each > begin + 5]
    assert server.goodput(begin + 5, begin + 6) == pytest.approx(0.8 * CAPACITY, rel=0.05)


def limiting(rate: float) -> Overload:
    policy = Overload()
    now = 10.0
    while not policy.tick(Load(1.0, 1.0), now):
        now += TICK
    policy.tick(Load(0.0, 0.5), now + TICK)
    policy.rate = rate
    return policy


def test_the_more_important_goes_first() -> None:
    """Each rank alone gets the whole rate; together the important ones get it."""
    for rank in Rank:
        policy = limiting(100)
        admitted = sum(policy.verdict(rank, f"{n}", 20 + n / 1000) is Verdict.ADMIT for n in range(5000))
        assert admitted == pytest.approx(500, abs=25), rank
    policy = limiting(100)
    got = dict.fromkeys(Rank, 0)
    for number in range(5000):
        rank = Rank.PROVING if number % 5 == 0 else Rank.LEAST  # 200 and 800 a second
        got[rank] += policy.verdict(rank, f"{number}", 20 + number / 1000) is Verdict.ADMIT
    assert got[Rank.LEAST] < 0.05 * got[Rank.PROVING]


def test_one_source_does_not_take_it_all() -> None:
    policy = limiting(100)
    got = {"loud": 0, "quiet": 0}
    for number in range(6000):
        source = "quiet" if number % 50 == 0 else "loud"
        rank = Rank.CALL
        if (
            policy.verdict(rank, f"{source}{number % 3 if source == 'quiet' else ''}", 20 + number / 1000)
            is Verdict.ADMIT
        ):
            got[source] += 1
    assert got["quiet"] > 0.9 * 6000 / 50, "those who ask for little get it"
    assert got["loud"] > 200, "what is left is not wasted"


def test_sources_are_bounded() -> None:
    policy = limiting(100)
    for number in range(30_000):
        policy.verdict(Rank.CALL, str(number), 20.0)
    assert len(policy._counts) == 10_000


def test_when_refusing_is_too_dear_requests_are_dropped() -> None:
    policy = limiting(10)
    found = set()
    for _ in range(1000):
        verdict = policy.verdict(Rank.CALL, "192.0.2.1", 20.0)
        if verdict is Verdict.REFUSE:
            policy.spent(0.0001)
        found.add(verdict)
    assert found == set(Verdict)
    assert policy.refused * 0.0001 == pytest.approx(0.35 * TICK, rel=0.05)
    policy.tick(Load(0.0, 0.5), 20.05)
    assert policy.verdict(Rank.LEAST, "192.0.2.1", 20.0) is Verdict.REFUSE, "the next tick has time for it again"


def test_some_are_always_admitted() -> None:
    policy = limiting(100)
    for number in range(1000):
        policy.tick(Load(1.0, 1.0), 20 + number * TICK)
    assert policy.rate == 10


def test_a_full_table_of_transactions_lowers_the_rate_in_time() -> None:
    """Each admitted request stays half a minute: the node refuses before it would have to drop in silence."""
    policy, held, gone = Overload(), 0.0, deque[tuple[float, int]]()
    now, most = 100.0, 0.0
    while now < 300:
        now += TICK
        came = 0
        for _ in range(100):  # 2000 a second
            if not policy.limiting or policy.verdict(Rank.TRUSTED, "192.0.2.1", now) is Verdict.ADMIT:
                came += 1
        gone.append((now + 32, came))
        held += came
        while gone and gone[0][0] <= now:
            held -= gone.popleft()[1]
        most = max(most, held)
        policy.tick(Load(0.0, 0.5, held / 40_000), now)
    assert most < 40_000
    assert held > 0.6 * 40_000, "and it is used"


def test_what_others_may_let_through_and_have_refused() -> None:
    """For the native shedder, which asks for a look at the socket and not for each request."""
    policy = limiting(1000)
    policy.verdict(Rank.TRUSTED, "192.0.2.1", 20.0)  # the bucket is full: 100 tokens
    first, second, third = policy.room(20.0)
    assert first >= 99 and first > second > third > 50
    while policy.verdict(Rank.TRUSTED, "192.0.2.1", 20.0) is Verdict.ADMIT:
        pass
    assert policy.room(20.0) == (0, 0, 0) and policy.room(20.01)[0] == pytest.approx(10, abs=1)
    assert policy.refusals() > 0
    policy.shed(refused=30, dropped=5, seconds=TICK / 2)
    assert (policy.refused, policy.dropped) == (31, 5) and policy.refusals() == 0
    for number in range(1, 19):
        policy.tick(Load(0.0, 0.5), 20 + number * TICK)
    assert policy.limiting, "somebody was refused within the last second"
