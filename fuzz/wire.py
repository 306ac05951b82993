"""Longer mutation runs of the SIP and SDP parsers than the unit tests have.

    python fuzz/wire.py --seconds 60 [--target via] [--seed 1]

Ends with status 1 and the failing octets (as a Python literal) when a parser raises anything but its own errors.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.wire.sip.targets import TARGETS, attempt, mutate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="time for all targets together")
    parser.add_argument("--target", choices=[target.name for target in TARGETS], help="one target only")
    parser.add_argument("--seed", type=int, default=None, help="start of the random sequence; printed when absent")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    targets = [target for target in TARGETS if options.target in (None, target.name)]
    print(f"seed {seed}")
    for target in targets:
        chance = random.Random(seed)
        end = time.monotonic() + options.seconds / len(targets)
        runs = read = 0
        pool = list(target.seeds)
        while time.monotonic() < end:
            data = mutate(chance, chance.choice(pool))
            runs += 1
            try:
                if attempt(target, data):
                    read += 1
                    if len(pool) < 500 and len(data) < 5000:
                        pool.append(data)  # what is read is a step further into the grammar
            except Exception:  # noqa: BLE001 - the point of the run is to catch whatever comes
                traceback.print_exc()
                print(f"{target.name}: {data!r}")
                return 1
        print(f"{target.name}: {runs} inputs, {read} read, {runs - read} refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
