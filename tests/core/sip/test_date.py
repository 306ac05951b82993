"""Wall time without a clock."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from seaway.core.sip.date import Dates, sip_date

_EDGES = [0, 951_782_399, 951_782_400, 951_868_800, 1_289_690_940, 1_709_164_800, 1_709_251_199, 4_107_542_400]


@pytest.mark.parametrize("second", [*_EDGES, *range(0, 2**32, 86_400 * 1097 + 12_345)])
def test_it_agrees_with_the_library(second: int) -> None:
    moment = datetime.fromtimestamp(second, UTC)
    assert sip_date(second).decode() == format_datetime(moment, usegmt=True)


def test_the_offset_to_the_monotonic_clock() -> None:
    dates = Dates()
    dates.set(1_289_690_940.0, 50.0)
    assert dates.at(50.0) == dates.at(50.9) == b"Sat, 13 Nov 2010 23:29:00 GMT"  # RFC 3261 §20.17 has this day
    assert dates.at(51.0) == b"Sat, 13 Nov 2010 23:29:01 GMT"
    assert dates.wall(60.0) == 1_289_690_950.0 and dates.monotonic(1_289_690_950.0) == 60.0
