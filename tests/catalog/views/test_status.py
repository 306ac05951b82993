"""catalog/views/status.py: the state of each row, and docs/status.md as it must be."""

import json
from pathlib import Path

from seaway.catalog.load import load_catalog
from seaway.catalog.views.status import render_status, state_of, twins

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_a_row_is_live_by_proof_only() -> None:
    catalog = load_catalog()
    row = catalog.row("T11-07")
    assert state_of(row, {}) == "mapped"
    assert state_of(row, {"T11-07": {"live": True, "packets": 1}}) == "live"
    assert state_of(row, {"T11-07": {"live": False, "packets": 0}}) == "mapped"
    assert state_of(catalog.row("T3-10"), {}) == "remark"


def test_a_row_that_has_the_flow_of_a_live_one_says_of_which() -> None:
    """In both directions of `same_as`, and through a third row: T25-06 and T26-05 are T11-09."""
    catalog = load_catalog()
    live = {"T11-09": {"live": True, "packets": 1}, "T27-05": {"live": True, "packets": 1}}
    found = twins(catalog, live)
    assert (found["T25-06"], found["T26-05"], found["T18-03"]) == ("T11-09", "T11-09", "T27-05")
    assert "T11-09" not in found and "T11-10" not in found and "T3-10" not in found
    page = render_status(catalog, {"rows": live})
    assert "| T25-06 | Multiplexed RTP, core to edge | same as T11-09 |  |  |" in page
    assert "2 live, " in page
    assert twins(catalog, {}) == {}


def test_every_row_is_listed_once() -> None:
    catalog = load_catalog()
    page = render_status(catalog, {})
    for row in catalog.all:
        assert page.count(f"\n| {row.id} |") == 1, row.id


def test_the_page_in_docs_is_what_the_proof_in_docs_gives() -> None:
    proof = json.loads((DOCS / "proof.json").read_text())
    assert proof["verdict"] == "pass"
    assert (DOCS / "status.md").read_text() == render_status(load_catalog(), proof)
