"""`python bench/run.py [--only NAME]`: measure, write build/bench.json, render docs/performance.md.

With `--only` (or bare names) only those benchmarks run; their figures replace the ones of before in both files. Exit
status 1 and one line when a run does not count (a failed call, a subject that did not start).
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_ROOT / "src")]

import call_b2bua  # noqa: E402
import call_trunk  # noqa: E402
import call_udp  # noqa: E402
import dataplane.adding  # noqa: E402
import dataplane.control  # noqa: E402
import dataplane.delay  # noqa: E402
import dataplane.relayed  # noqa: E402
import memory_idle_call  # noqa: E402
import memory_registration  # noqa: E402
import options  # noqa: E402
import overload  # noqa: E402
import register  # noqa: E402
import register_digest  # noqa: E402
import relay_python  # noqa: E402
import relay_srtp  # noqa: E402
from figures import Figure  # noqa: E402
from machine import facts  # noqa: E402
from report import render  # noqa: E402
from rig import Rig  # noqa: E402
from sipp import BenchError  # noqa: E402

# Media first, as nothing else may run meanwhile; then memory: its subjects clean up while the others run.
_BENCHES = {
    dataplane.relayed.RTP: dataplane.relayed.rtp,
    dataplane.relayed.TURN: dataplane.relayed.turn,
    dataplane.delay.NAME: dataplane.delay.run,
    dataplane.adding.NAME: dataplane.adding.run,
    dataplane.control.NAME: dataplane.control.run,
    **{
        each.NAME: each.run
        for each in (
            memory_registration, memory_idle_call, call_udp, options, register, register_digest, call_b2bua,
            relay_python, relay_srtp, overload,
        )
    },
    call_trunk.TCP: call_trunk.tcp,
    call_trunk.TLS: call_trunk.tls,
}  # fmt: skip
_ORDER = (
    "call-udp", "call-tcp", "call-tls", "call-b2bua", "options", "register", "register-digest",
    "memory-registration", "memory-answered-call", "memory-idle-call", "overload", "relay-python", "relay-srtp",
    "media-rtp", "media-turn", "media-latency", "media-setup", "turn-control",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench/run.py", description="CPU time and memory beside Kamailio.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help=f"one of {', '.join(_BENCHES)}")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the same")
    given = parser.parse_args(arguments)
    wanted = [*given.only, *given.names] or list(_BENCHES)
    unknown = [name for name in wanted if name not in _BENCHES]
    if unknown:
        print(f"bench: there is no benchmark {unknown[0]}; there are {', '.join(_BENCHES)}", file=sys.stderr)
        return 2
    # A stopped run must not leave its subjects behind: the default for SIGTERM would skip every `finally`.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        figures = _measure([name for name in _BENCHES if name in wanted])
        about = facts()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _write(figures, about, keep=set(wanted) != set(_BENCHES))
    return 0


def _measure(names: list[str]) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="seaway-bench-"))
    folder.chmod(0o755)  # the node leaves root and still reads its folder
    begin = time.monotonic()
    figures: list[Figure] = []
    try:
        rig = Rig(folder)
        try:
            halves = []
            for name in names:
                print(f"bench: {name}", file=sys.stderr)
                halves.append(_BENCHES[name](rig))
            for later in halves:
                figures += later()
            print(f"bench: {rig.discarded} runs did not count", file=sys.stderr)
        finally:
            rig.close()
    finally:
        shutil.rmtree(folder)
    print(f"bench: {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return figures


def _write(figures: list[Figure], about: dict[str, str], *, keep: bool) -> None:
    path = _ROOT / "build" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    if keep and path.exists():
        new = {each.bench for each in figures}
        old = [Figure(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
        figures = [each for each in old if each.bench not in new] + figures
    figures = sorted(figures, key=lambda each: _ORDER.index(each.bench))  # stable: subjects keep their order
    path.write_text(json.dumps([asdict(each) for each in figures], indent=1) + "\n", encoding="utf-8")
    text = render(figures, about)
    (_ROOT / "docs" / "performance.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
