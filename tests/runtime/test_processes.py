"""What /proc says of a node's processes."""

from __future__ import annotations

import json
import os
from pathlib import Path

from seaway.runtime.processes import processes


def test_of_this_process_and_of_one_that_has_gone(tmp_path: Path) -> None:
    assert processes(tmp_path) == []
    known = {"node": "edge1", "supervisor": os.getpid(), "relay": 2**22 + 1, "restarts": {"relay": 3}}
    (tmp_path / "ready").write_text(json.dumps(known))
    own, gone = processes(tmp_path)
    assert own["process"] == "supervisor" and own["restarts"] == 0
    times = os.times()
    used = own["cpu_seconds"]
    assert isinstance(used, float) and abs(used - times.user - times.system) < 1
    resident = own["resident_octets"]
    assert isinstance(resident, int) and 5_000_000 < resident < 5_000_000_000
    assert gone == {
        "process": "relay", "pid": 2**22 + 1, "restarts": 3, "cpu_seconds": None, "resident_octets": None,
    }  # fmt: skip


def test_a_name_with_spaces_and_brackets(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = ["S"] + ["0"] * 10 + ["150", "50"] + ["0"] * 8 + ["3"]
    (tmp_path / "7" / "stat").write_text(f"7 (a (b) c) {' '.join(fields)} 0\n")
    (tmp_path / "ready").write_text('{"node": "x", "relay": 7}')
    (row,) = processes(tmp_path, tmp_path)
    assert row["cpu_seconds"] == 200 / os.sysconf("SC_CLK_TCK")
    assert row["resident_octets"] == 3 * os.sysconf("SC_PAGE_SIZE")
