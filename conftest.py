"""For all tests: where the project is, and the rule for skipped peers.

With SEAWAY_REQUIRE_PEERS=1 (set by `.ci/run`) a skipped interop test is a failure: a machine that lacks a peer would
else pass without having tried it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent


def is_interop(item: pytest.Item) -> bool:
    return item.get_closest_marker("interop") is not None or "interop" in item.path.parts


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_interop(item):
            item.add_marker(pytest.mark.interop)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if (
        os.environ.get("SEAWAY_REQUIRE_PEERS") == "1"
        and report.skipped
        and is_interop(item)
        and not hasattr(report, "wasxfail")
    ):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, and SEAWAY_REQUIRE_PEERS=1 does not allow that: {reason}"
    return report


@pytest.fixture
def root() -> Path:
    """The folder of the project."""
    return ROOT
