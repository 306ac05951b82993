"""The processes of a running node: how often each was restarted, its time on a CPU, its memory (`/proc`, proc(5))."""

from __future__ import annotations

import json
import os
from pathlib import Path

from seaway.runtime.run_dir import READY_FILE

__all__ = ["processes"]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def processes(run_dir: Path, proc: Path = Path("/proc")) -> list[dict[str, object]]:
    """Rows of `seaway status processes`; none while the supervisor has not said that the node is up."""
    try:
        known = json.loads((run_dir / READY_FILE).read_text())
    except (OSError, ValueError):
        return []
    restarts = known.pop("restarts", {})
    return [
        {"process": name, "pid": pid, "restarts": restarts.get(name, 0), **_used(proc / str(pid))}
        for name, pid in known.items()
        if isinstance(pid, int)
    ]


def _used(folder: Path) -> dict[str, object]:
    """Seconds of CPU and resident octets; `None` for a process that has gone."""
    try:
        fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        user, system, resident = (float(fields[at]) for at in (11, 12, 21))
    except (OSError, ValueError, IndexError):
        return {"cpu_seconds": None, "resident_octets": None}
    return {"cpu_seconds": round((user + system) / _TICKS, 2), "resident_octets": round(resident * _PAGE)}
