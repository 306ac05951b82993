"""catalog/views/status.py: the state of each row, and docs/status.md as it must be."""

import json
from pathlib import Path

from seaway.catalog.load import load_catalog
from seaway.catalog.views.status import render_status, state_of

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_a_row_is_live_by_proof_only() -> None:
    catalog = load_catalog()
    row = catalog.row("T11-07")
    assert state_of(row, {}) == "mapped"
    assert state_of(row, {"T11-07": {"live": True, "packets": 1}}) == "live"
    assert state_of(row, {"T11-07": {"live": False, "packets": 0}}) == "mapped"
    assert state_of(catalog.row("T3-10"), {}) == "remark"


def test_every_row_is_listed_once() -> None:
    catalog = load_catalog()
    page = render_status(catalog, {})
    for row in catalog.all:
        assert page.count(f"\n| {row.id} |") == 1, row.id


def test_the_page_in_docs_is_what_the_proof_in_docs_gives() -> None:
    proof = json.loads((DOCS / "proof.json").read_text())
    assert proof["verdict"] == "pass"
    assert (DOCS / "status.md").read_text() == render_status(load_catalog(), proof)
