"""The timer of a core."""

from __future__ import annotations

import time

from seaway.runtime.timer import DeadlineTimer
from tests.runtime.rig import run, until


class Loop:
    """Remembers what was asked for."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.cancelled = 0

    def call_later(self, delay: float, callback: object) -> Loop:
        self.delays.append(delay)
        return self

    def cancel(self) -> None:
        self.cancelled += 1


def test_set_anew_only_when_the_deadline_changes() -> None:
    loop = Loop()
    timer = DeadlineTimer(loop, lambda: None)  # type: ignore[arg-type]
    far = time.monotonic() + 100
    timer.arm(far)
    timer.arm(far)
    timer.arm(far - 50)
    timer.arm(0.0)  # long past: at once
    assert len(loop.delays) == 3 and loop.cancelled == 2
    assert 99 < loop.delays[0] <= 100 and 49 < loop.delays[1] <= 50 and loop.delays[2] == 0
    timer.arm(None)
    timer.cancel()
    assert loop.cancelled == 3 and len(loop.delays) == 3


def test_the_same_deadline_fires_again_when_it_is_armed_again() -> None:
    async def main() -> None:
        import asyncio

        fired: list[float] = []
        timer = DeadlineTimer(asyncio.get_running_loop(), lambda: fired.append(1))
        timer.arm(1.0)
        await until(lambda: len(fired) == 1)
        timer.arm(1.0)
        await until(lambda: len(fired) == 2)
        timer.arm(time.monotonic() + 0.001)
        timer.cancel()
        await asyncio.sleep(0.01)
        assert len(fired) == 2

    run(main)
