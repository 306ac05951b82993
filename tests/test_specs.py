"""docs/specs.md and docs/sip.md: each standard has one row, and every RFC that the SIP rooms cite has one."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.house import ROOT

SPECS, SIP = ROOT / "docs" / "specs.md", ROOT / "docs" / "sip.md"
STATES = {"yes", "partial", "planned", "no"}
ROOMS = ("wire/sip", "wire/sdp", "core/sip", "core/dns", "call", "identity", "policy")


def _rows(path: Path) -> list[tuple[list[int], str, str]]:
    """RFC numbers of the first column, state, and the whole line, for each row that names a standard."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [each.strip() for each in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) >= 3 and not set(cells[1]) <= {"-"} and cells[1].lower() != "state":
            found.append(([int(each) for each in re.findall(r"\b(?:RFC )?(\d{4})\b", cells[0])], cells[1], line))
    return found


def _cited() -> dict[int, str]:
    """Every RFC that the SIP rooms cite, and where."""
    found: dict[int, str] = {}
    for room in ROOMS:
        for path in sorted((ROOT / "src" / "seaway" / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            for row in re.finditer(r"RFC (\d{4})((?:, (?:RFC )?\d{4}\b)*)", text):
                for number in (row[1], *re.findall(r"\d{4}", row[2])):
                    found.setdefault(int(number), f"{path.relative_to(ROOT)}")
    return found


@pytest.mark.parametrize("path", [SPECS, SIP], ids=lambda path: path.name)
def test_states_are_the_four_words(path: Path) -> None:
    rows = _rows(path)
    assert len(rows) > 20
    assert [line for _, state, line in rows if state not in STATES] == []
    assert [line for _, state, line in rows if state == "partial" and not line.split("|")[3].strip()] == [], (
        "what of it is there, or missing, must be said"
    )


def test_each_standard_has_one_row() -> None:
    count = Counter(number for path in (SPECS, SIP) for numbers, _, _ in _rows(path) for number in set(numbers))
    assert [f"RFC {number}" for number, times in count.items() if times > 1] == []


def test_what_the_sip_rooms_cite_has_a_state() -> None:
    known = {number for path in (SPECS, SIP) for numbers, _, _ in _rows(path) for number in numbers}
    missing = {number: where for number, where in _cited().items() if number not in known}
    assert missing == {}, "give each a row in docs/sip.md or docs/specs.md"


def test_the_documents_lead_to_each_other() -> None:
    assert "(sip.md)" in SPECS.read_text(encoding="utf-8") and "(specs.md)" in SIP.read_text(encoding="utf-8")
