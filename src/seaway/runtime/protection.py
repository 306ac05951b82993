"""Applies intrusion protection in the `signal` process: counts offences, closes and drops what is blocked, remembers.

Who is blocked is decided by `policy/intrusion.py`. A blocked source's connections are closed, new ones are closed
before anything is read, its datagrams are dropped; and the guard process (`guard.py`) has the kernel drop them before
that, where it can. Blocks are kept in the run directory, so that a restart does not end them.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from seaway.observe import log
from seaway.observe.counters import Counters
from seaway.policy.intrusion import LONGEST_BLOCK, Block, Category, Intrusion, Network, Trigger
from seaway.wire.endpoint import source_of

__all__ = ["STATE_FILE", "Protection"]

STATE_FILE = "blocks.json"
_SWEEP = 1.0  # seconds between looks for blocks that are over
_LARGEST = 8 * 1024 * 1024  # octets of the state file that are read


class Protection:
    """`link` leads to the guard process, `None` where there is none. `closing(is_blocked)` closes open connections.

    True while somebody is blocked; `address in protection` says whether one is.
    """

    def __init__(
        self,
        run_dir: Path,
        triggers: dict[Category, Trigger],
        exempt: Sequence[Network],
        counters: Counters,
        *,
        link: socket.socket | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = run_dir / STATE_FILE
        self._policy = Intrusion(triggers, exempt)
        self._counters = counters
        self._link = link
        self._clock = clock  # blocks outlive a process, so they are timed by the wall clock
        self._log = log.get(part="protection")
        self._keys: set[str] = set()
        self._kernel: set[str] = set()  # those that the guard has confirmed
        self._complained = False
        self._timer: asyncio.TimerHandle | None = None
        self.closing: Callable[[Callable[[str], bool]], None] = lambda blocked: None

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, address: str) -> bool:
        return (source_of(address) if ":" in address else address) in self._keys

    # -- life

    def start(self) -> None:
        """Take over what an earlier process left; in the running event loop."""
        if self._link is not None:
            self._link.setblocking(False)
            asyncio.get_running_loop().add_reader(self._link.fileno(), self._answered)
        now = self._clock()
        if self._path.exists():
            self._ask({"do": "flush"})  # what a crash has left in the kernel
        for block in self._load(now):
            if self._policy.restore(block, now):
                self._apply(block, now)
        self._sweep()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._link is not None:
            asyncio.get_running_loop().remove_reader(self._link.fileno())

    # -- in

    def report(self, category: Category, address: str, proven: bool = True) -> None:
        """Somebody was caught at something."""
        self._counters.add(f"protection.{category.value}")
        now = self._clock()
        block = self._policy.report(category, address, now, proven=proven)
        if block is None:
            return
        self._counters.add("protection.blocked")
        self._log.warning(
            "source.blocked", source=block.source, category=category.value, seconds=round(block.until - now)
        )
        self._apply(block, now)
        self._save()
        self.closing(self.__contains__)

    def relieve(self, address: str) -> None:
        """A challenge to `address` was answered rightly."""
        self._policy.relieve(Category.ENUMERATION, address)

    def unblock(self, address: str | None) -> int:
        """Lift the block of `address`, or all for `None`; how many there were. Raises `ValueError`."""
        lifted = self._policy.unblock(address)
        for each in lifted:
            self._log.info("source.unblocked", source=each.source, why="asked to")
            self._lift(each)
        if lifted:
            self._save()
        return len(lifted)

    def rows(self) -> list[dict[str, object]]:
        """For `seaway protection`."""
        now = self._clock()
        return [
            {
                "source": each.source if ":" not in each.source else f"{each.source}/64",
                "category": each.category.value,
                "seconds_left": max(0, round(each.until - now)),
                "blocked_for": round(now - each.since),
                "by": "nftables" if each.source in self._kernel else "node",
            }
            for each in sorted(self._policy.blocks(), key=lambda each: each.until)
        ]

    # -- inside

    def _apply(self, block: Block, now: float) -> None:
        self._keys.add(block.source)
        self._ask({"do": "block", "source": block.source, "seconds": max(1, round(block.until - now))})

    def _lift(self, block: Block) -> None:
        self._keys.discard(block.source)
        self._kernel.discard(block.source)
        self._ask({"do": "unblock", "source": block.source})

    def _sweep(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)
        over = self._policy.expire(self._clock())
        for each in over:
            self._keys.discard(each.source)  # the kernel's element ends by itself
            self._kernel.discard(each.source)
            self._log.info("source.unblocked", source=each.source, why="its time is over")
        if over:
            self._save()

    def _ask(self, question: dict[str, object]) -> None:
        if self._link is None:
            return
        try:
            self._link.send(json.dumps(question).encode())
        except OSError as error:  # full, or the guard is away: the node itself drops
            self._counters.add("protection.guard_busy")
            self._log.debug("guard.unreached", reason=error.strerror)

    def _answered(self) -> None:
        assert self._link is not None
        while True:
            try:
                answer = json.loads(self._link.recv(4096))
            except (BlockingIOError, ValueError):
                return
            except OSError:
                return
            if answer["failed"] is None:
                if answer["source"] in self._keys:
                    self._kernel.add(answer["source"])
            elif not self._complained:
                self._complained = True
                self._log.warning("guard.refused", reason=answer["failed"], remedy="the node drops by itself")

    def _save(self) -> None:
        found = [[each.source, each.category.value, each.since, each.until] for each in self._policy.blocks()]
        new = self._path.with_suffix(".new")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(found, file)
            new.replace(self._path)
        except OSError as error:
            self._log.warning("protection.unsaved", path=str(self._path), reason=error.strerror)

    def _load(self, now: float) -> list[Block]:
        """What the state file holds; a broken one is as good as none."""
        found: list[Block] = []
        with suppress(OSError, ValueError, TypeError, RecursionError), self._path.open(encoding="ascii") as file:
            for source, category, since, until in json.loads(file.read(_LARGEST)):
                begin, end = min(now, float(since)), min(now + LONGEST_BLOCK, float(until))  # clocks are set back
                if begin > now - LONGEST_BLOCK:
                    found.append(Block(source_of(str(ip_address(source))), Category(category), begin, end))
        return found
