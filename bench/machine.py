"""Facts of the machine and of the programs, for the report. No host names."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from importlib.metadata import version

from sipp import sipp_version
from subjects import kamailio_version

__all__ = ["facts"]


def facts() -> dict[str, str]:
    return {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}, {_build()}",
        "uvloop": version("uvloop"),
        "Kamailio": kamailio_version(),
        "sipp": sipp_version(),
    }


def _cpu() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        for line in stream:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _build() -> str:
    """How the interpreter was optimised: that decides a quarter of the CPU time."""
    flags = " ".join(
        str(sysconfig.get_config_var(name) or "") for name in ("CONFIG_ARGS", "PGO_PROF_USE_FLAG", "PY_CORE_CFLAGS")
    )
    found = []
    if "--enable-optimizations" in flags or "-fprofile-use" in flags:
        found.append("with profile feedback")
    if "--with-lto" in flags or "-flto" in flags:
        found.append("with link-time optimisation")
    where = "the distribution's" if sys.base_prefix == "/usr" else "built from source"
    return f"{where}, " + (" and ".join(found) if found else "without profile feedback")
