"""Overload control at the door of call control: measures how late the process is, and sheds new requests.

Three things are measured each tick: for how long input has been waiting (a UDP socket that was never found empty and is
half full, a timer of the loop that fires late), the share of the time that this thread computed, and how full the table
of transactions is. The rest is decided by `policy/overload.py`. Without overload nothing is done per message. With it
UDP is read by the native shedder where there is one (`shedder.py`), and a request that begins something is glanced at
(`core/sip/glance.py`) before it is parsed; responses, ACK, CANCEL, retransmissions of what we work on, requests of our
dialogs and the keep-alive of a traversal link pass.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

from seaway.call.config import ControlConfig
from seaway.call.underway import Underway
from seaway.core.sip.glance import BUSY_TAG, Glance, glance
from seaway.core.sip.io import Address, Flow
from seaway.core.sip.tokens import RouteTokens
from seaway.policy.overload import TICK, Load, Overload, Rank, Verdict
from seaway.runtime.driver import Driver
from seaway.runtime.shedder import Shedder, load_shedder

__all__ = ["OverloadControl", "Waiting"]

_READING = 2e-6  # seconds that reading one message takes, about
_RETRY_AFTER = 3  # seconds, at least; at most twice that, so that not all come back at once


class Waiting(Protocol):
    """A UDP listener: since when datagrams wait, monotonic seconds; `None` when they do not."""

    @property
    def waits_since(self) -> float | None: ...


class OverloadControl:
    """Sets `driver.gate` while there is overload."""

    def __init__(
        self,
        driver: Driver,
        config: ControlConfig,
        underway: Underway,
        datagrams: Mapping[tuple[str, int], Waiting],
        *,
        policy: Overload | None = None,
    ) -> None:
        self._driver = driver
        self._underway = underway
        self._datagrams = datagrams
        self._policy = policy or Overload()
        self._tokens = RouteTokens(config.secret)
        self._trusted = frozenset(address for each in config.neighbours for address in each.addresses)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ticked = self._used = 0.0
        self._number = 0
        self._shedder: Shedder | None = None

    def start(self) -> None:
        self._ticked, self._used = time.monotonic(), time.thread_time()
        self._timer = self._loop.call_later(TICK, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._driver.gate = self._driver.shed = None
        if self._shedder is not None:
            self._shedder.close()

    def state(self) -> str:
        """For `seaway status`."""
        if not self._policy.limiting:
            return "no"
        return f"{self._policy.rate:.0f} new requests/s, {self._policy.refused + self._policy.dropped} shed"

    # -- measuring

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK, self._tick)
        now, used = time.monotonic(), time.thread_time()
        passed = max(now - self._ticked, 1e-6)
        waits = [each.waits_since for each in self._datagrams.values()]
        late = max([passed - TICK, *(now - each for each in waits if each is not None)])
        load = Load(late, (used - self._used) / passed, self._underway.filled())
        self._ticked, self._used = now, used
        self.report(load, now)

    def report(self, load: Load, now: float) -> None:
        """Take one measurement."""
        policy = self._policy
        if not policy.tick(load, now):
            return
        counters, logger = self._driver.counters, self._driver.log
        if policy.limiting:
            self._driver.gate = self._passes
            self._shedder = self._shedder or load_shedder(sorted(self._trusted))
            self._driver.shed = self._shed if self._shedder is not None else None
            counters.add("overload.episodes")
            logger.warning("overload.begin", late_ms=round(load.late * 1000), busy=round(load.busy, 2))
            return
        self._driver.gate = self._driver.shed = None
        counters.add("overload.refused", policy.refused)
        counters.add("overload.dropped", policy.dropped)
        logger.warning(
            "overload.end", seconds=round(now - policy.since, 1), admitted=policy.admitted, refused=policy.refused,
            dropped=policy.dropped,
        )  # fmt: skip

    # -- shedding

    def _shed(self, socket: int, now: float) -> tuple[int, list[tuple[bytes, Address]]]:
        """Read a UDP socket with the native shedder: how many datagrams there were, and those that it leaves to us.
        Raises `OSError`."""
        assert self._shedder is not None
        policy = self._policy
        self._number += 1
        after = _RETRY_AFTER + self._number % (_RETRY_AFTER + 1)
        begin = time.thread_time()
        found = self._shedder.read(socket, policy.room(now), policy.refusals(), after)
        handled = found.read - len(found.passed)
        if handled:
            policy.shed(found.refused, found.dropped, (time.thread_time() - begin) * handled / found.read)
        return found.read, found.passed

    def _passes(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether call control gets to see a message."""
        if data.startswith((b"SIP/2.0 ", b"CANCEL ")):
            return True
        policy = self._policy
        if data.startswith(b"ACK "):
            if BUSY_TAG not in data:
                return True
            policy.spent(_READING)  # for a 503 of ours: nothing waits for it
            return False
        if policy.full(now) and flow.zone is None and not _has_tag(data):
            policy.drop()
            policy.spent(_READING)
            return False
        begin = time.perf_counter()
        if self._admits(data, flow, now):
            return True
        policy.spent(time.perf_counter() - begin + _READING)
        return False

    def _admits(self, data: bytes, flow: Flow, now: float) -> bool:
        seen = glance(data)
        if seen is None:  # dropped also where it is to be refused: that would take parsing
            return self._policy.verdict(Rank.LEAST, flow.remote[0], now) is Verdict.ADMIT
        if self._belongs(seen, flow):
            return True
        verdict = self._policy.verdict(self._rank(seen, flow), flow.remote[0], now)
        if verdict is Verdict.REFUSE:
            self._refuse(seen, flow)
        return verdict is Verdict.ADMIT

    def _belongs(self, seen: Glance, flow: Flow) -> bool:
        """Whether a request is part of what was admitted before."""
        if seen.key and self._underway.knows(seen.key):
            return True
        if flow.zone is not None and seen.method == b"OPTIONS":
            return True  # the link's keep-alive: an overload must not look like a dead link
        if not seen.in_dialog:
            return False
        proxied = bool(seen.token) and self._tokens.check(seen.token, seen.call_id) is not None
        return proxied or self._underway.has_dialog(seen.call_id)

    def _rank(self, seen: Glance, flow: Flow) -> Rank:
        if flow.zone is not None or flow.remote[0] in self._trusted:
            return Rank.EMERGENCY if b"urn:service:sos" in seen.uri else Rank.TRUSTED
        if seen.in_dialog or seen.method == b"OPTIONS":
            return Rank.LEAST  # a dialog that is not ours
        if seen.credentials:
            return Rank.PROVING
        return Rank.CALL if seen.method == b"INVITE" else Rank.OTHER

    def _refuse(self, seen: Glance, flow: Flow) -> None:
        self._number += 1
        after = _RETRY_AFTER + self._number % (_RETRY_AFTER + 1)
        answer = seen.busy(b"%x" % self._number, after, flow.remote)
        driver = self._driver
        if flow.transport == "udp":
            remote = flow.remote if seen.port is None else (flow.remote[0], seen.port)
            driver.datagrams[flow.local].send(answer, remote)
        elif (stream := driver.streams.get(flow.id)) is not None:
            stream.write(answer)


def _has_tag(data: bytes) -> bool:
    """Whether To may have a tag; the quick way."""
    begin = data.find(b"\r\nTo:")
    return begin < 0 or data.find(b"tag=", begin, data.find(b"\r\n", begin + 5)) >= 0
