"""What the dial plan says of a call, asked at the running nodes before and after it."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from seaway.lab.pair import seaway_command
from seaway.lab.session import Session
from seaway.lab.stage import Stage


def ask(stage: Stage, node: str, *arguments: str) -> list[dict[str, Any]]:
    command = [*seaway_command(), *arguments, "--json", "--run-dir", str(stage.pair.dir / "run" / node)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_a_call_goes_where_locate_says(stage: Stage, phones: Session) -> None:
    """bob is inside, alice outside: the core looks among its phones, then behind the link."""
    rules = [row for row in ask(stage, "core1", "locate", "alice@example.test") if row["what"] == "rule"]
    assert [(row["target"], row["applies"]) for row in rules] == [("registrations", True), ("pair", True)]
    assert rules[0]["state"].startswith("404") and rules[1]["state"] == "active"
    assert rules[1]["targets"][0].endswith(":7001/tls")
    rows = ask(stage, "core1", "locate", "alice@example.test", "--from", "pair")
    assert [row for row in rows if row["what"] == "rule"][1]["why"] == "the request came from this zone"

    bob = phones.phones["bob"]
    mark = bob.mark()
    bob.dial("sip:alice@example.test")
    assert bob.wait("CALL_ESTABLISHED", since=mark, patience=8.0)
    bob.hang_up()
    time.sleep(0.3)

    for node, target in (("core1", "pair"), ("edge1", "local")):
        row = next(each for each in ask(stage, node, "status", "searches") if each["alias"] == "alice@example.test")
        assert row["status"] == 200 and row["targets"] == [target], row
        steps = ask(stage, node, "search", str(row["search"]))
        assert steps[-1] == {"what": "answer", "status": 200, "why": ""}
        assert [each["what"] for each in steps].count("asked") == 1
