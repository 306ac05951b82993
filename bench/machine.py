"""Facts of the machine and of the programs, for the report. No host names."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.metadata import version

from sipp import BenchError, sipp_version
from subjects import kamailio_version

__all__ = ["facts"]


def facts() -> dict[str, str]:
    return {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}, {_build()}",
        "uvloop": version("uvloop"),
        "Kamailio": _version(kamailio_version),
        "sipp": _version(sipp_version),
        "rtpengine": _version(lambda: _package("rtpengine-daemon")),
        "coturn": _version(lambda: _package("coturn")),
    }


def _version(find: Callable[[], str]) -> str:
    """A benchmark that needs a program says so itself; one that does not runs without it."""
    try:
        return find()
    except BenchError:
        return "not installed"


def _package(name: str) -> str:
    """The version of a Debian package: these programs have no short way to tell theirs."""
    command = ["dpkg-query", "-W", "-f", "${Version}", name]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        shown = ""
    return shown or "not installed"


def _cpu() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        for line in stream:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _build() -> str:
    """Who built the interpreter, and how it says that it was optimised: that decides a quarter of the CPU time."""
    arguments = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    found = [each for each in ("--enable-optimizations", "--with-lto") if each in arguments]
    if sys.base_prefix == "/usr":
        return "the distribution's build"
    return "built from source " + (f"with {' '.join(found)}" if found else "without --enable-optimizations")
