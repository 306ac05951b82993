"""The catalog against the facts of the reference guide, field by field.

`facts.csv` is the project's frozen copy of the facts; `mentions.csv` holds what the guide's remarks on each row amount
to: how many inconsistencies, whether the row is optional or off by default, and every number, row, version and host
named. Where the reference folder is beside the repository, its rows are compared as well.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from seaway.catalog.grammar import BySize, parse
from seaway.catalog.load import carriers, load_catalog
from seaway.catalog.model import Kind, Opens, Row, Security, Transport

HERE = Path(__file__).parent
GUIDE = HERE.parents[1].parent / "shared" / "guide" / "rows.csv"
SOURCES = [path for path in (HERE / "facts.csv", GUIDE) if path.exists()]
CATALOG = load_catalog()
MENTIONS = {row["id"]: row for row in csv.DictReader((HERE / "mentions.csv").open())}
A_IDS = {f"A-{number:02}" for number in range(1, 43)}


def _facts(row: Row) -> dict[str, str]:
    return {
        "id": row.id,
        "table": row.table,
        "chapter": str(row.chapter),
        "section": row.section,
        "source": row.source.entity,
        "source_ports": row.source.ports.text,
        "transport": row.transport,
        "destination": row.destination.entity,
        "destination_ports": row.destination.ports.text,
        "since": row.since or "",
        "until": row.until or "",
        "seed_line": str(row.source_line),
    }


def _words(row: Row) -> str:
    """Everything that the row says."""
    parts = [*_facts(row).values(), row.purpose, *row.notes, *row.footnotes]
    for side in (row.source, row.destination):
        parts += [side.effective_entity, side.effective.text]
    for each in row.anomalies:
        parts += [each.what, each.printed, each.used, each.why]
    return " ".join(parts)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_fact_of_every_row(source: Path) -> None:
    expected = list(csv.DictReader(source.open(encoding="utf-8")))
    assert [row["id"] for row in expected] == [row.id for row in CATALOG.rows]
    for facts, row in zip(expected, CATALOG.rows, strict=True):
        held = _facts(row)
        assert held == {field: facts[field] for field in held}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_wording_is_our_own(source: Path) -> None:
    """Facts carry over, sentences do not. The frozen copy has none to compare with: there, no prose column may be."""
    rows = list(csv.DictReader(source.open(encoding="utf-8")))
    if "conditions" not in rows[0]:
        assert not {"purpose", "conditions"} & set(rows[0])
        return
    for facts in rows:
        row = CATALOG.row(facts["id"])
        assert row.purpose.lower() != facts["purpose"].lower(), row.id
        words = _words(row).lower()
        for remark in facts["conditions"].lower().split("; "):
            assert len(remark) < 26 or remark not in words, row.id


@pytest.mark.parametrize("row_id", MENTIONS)
def test_remarks_of_the_guide_are_held(row_id: str) -> None:
    row, told = CATALOG.row(row_id), MENTIONS[row_id]
    words = _words(row)
    missing = [each for each in told["mentions"].split() if each not in words]
    assert not missing
    assert sum(each.id.startswith("A-") for each in row.anomalies) >= int(told["anomalies"])
    if told["bracketed"] == "1":
        assert not row.default_on
    if told["optional"] == "1":
        assert row.optional
    if told["conditional"] == "1":
        typed = row.requires or row.group or row.optional or not row.default_on
        assert typed or row.feature == "mra_ice" or row.kind is Kind.REMARK


def test_all_anomalies_of_the_guide_are_placed() -> None:
    placed = {each.id for row in CATALOG.all for each in row.anomalies}
    assert {each for each in placed if each.startswith("A-")} == A_IDS


def test_a_value_in_use_differs_only_where_an_anomaly_has_both() -> None:
    for row in CATALOG.all:
        told = {each.field: each for each in row.anomalies}
        for name, side in (("source", row.source), ("destination", row.destination)):
            if side.used is not None:
                each = told[f"{name}.ports"]
                assert (each.printed, each.used) == (side.ports.text, side.used.text) and each.why
            if side.used_entity is not None:
                assert told[f"{name}.entity"].used == side.used_entity
        if row.used_transport is not None:
            assert told["transport"].printed == row.transport


def test_carriers_follow_the_transport_in_use() -> None:
    for row in CATALOG.all:
        plain, choose_one = carriers(row.used_transport or row.transport)
        assert row.choose_one is choose_one
        assert [each.transport for each in row.carriers] == [each.transport for each in plain]
        for each, bare in zip(row.carriers, plain, strict=True):
            assert bare.security in (Security.NONE, each.security) or each.security is Security.HTTPS
        if {"tls", "mtls", "https"} & set(re.split(r"[+|]", row.used_transport or row.transport)):
            assert any(each.security is not Security.NONE for each in row.carriers)
    assert all(Transport.UNSPECIFIED not in {c.transport for c in row.carriers} for row in _connections())


def _connections() -> list[Row]:
    return [row for row in CATALOG.all if row.kind is Kind.CONNECTION]


def test_every_connection_has_ports_to_use() -> None:
    for row in _connections():
        for side in (row.source, row.destination):
            assert side.effective.text != "unspecified", row.id
            assert side.effective.text != "n/a" or row.transport.startswith("ip/"), row.id


def test_kinds() -> None:
    kinds = Counter(row.kind for row in CATALOG.rows)
    assert kinds[Kind.DEFAULT_RANGE] == 15  # table 3 and P-10
    assert {row.id for row in CATALOG.rows if row.kind is Kind.REMARK} == {
        "P-02", "P-03", "P-04", "P-05", "P-08", "P-12", "P-14",
    }  # fmt: skip


def test_sip_leaves_from_one_range_only() -> None:
    """A-22, A-24, A-25: whatever is printed, our nodes open SIP over TCP from the SIP source range."""
    for row in _connections():
        source, port = row.source, row.destination.effective.text
        tcp = any(each.transport is Transport.TCP for each in row.carriers)
        ours = source.entity.split(".")[0] in {"core", "edge", "peer", "gateway"}
        if ours and tcp and port in {"5060", "5061", "5062", "7001", "5091"}:
            assert (source.effective.text, source.effective.setting) == ("25000-29999", "sip.source"), row.id


def test_the_first_call() -> None:
    """What the traversal pair and its proof depend on."""
    row = CATALOG.row
    assert row("T11-01").preferred == "tls" and row("T11-01").destination.effective.setting == "traversal.sip"
    for row_id, switch in (("T11-05", "sip.edge_udp"), ("T11-06", "sip.edge_tcp")):
        assert not row(row_id).default_on and row(row_id).requires == (switch,)
    for rtp, rtcp in (("T11-09", "T11-10"), ("T25-06", "T25-07"), ("T26-05", "T26-06")):
        assert row(rtp).destination.effective.setting == "demux.rtp" and row(rtp).opens is Opens.SOURCE
        assert row(rtcp).destination.effective.setting == "demux.rtcp" and row(rtcp).opens is Opens.SOURCE
        assert row(rtp).source.effective.setting == row(rtcp).source.effective.setting == "media"
    for rtp, rtcp, back in (("T11-11", "T11-12", "T11-13"), ("T25-08", "T25-09", "T25-10")):
        assert row(rtp).destination.effective.text == "36000-59998/even"
        assert row(rtcp).destination.effective.text == "36001-59999/odd"
        assert row(back).source.effective.text == "36000-59999"
        assert {row(each).opens for each in (rtp, rtcp, back)} == {Opens.ONE_WAY}
    assert row("T6-05").destination.effective_entity == "external_dns"
    assert row("T13-04").destination.effective_entity == "core"
    assert row("T17-01").carriers[0].security is Security.SSH


def test_translations() -> None:
    found = {row.id: row.translation for row in CATALOG.all if row.translation is not None}
    assert set(found) == {"T20-03", "T20-04", "T21-04", "T21-05"}
    for row_id, each in found.items():
        row = CATALOG.row(row_id)
        assert (each.inside_entity, str(each.inside_port)) == (row.destination.entity, row.destination.ports.text)
        assert each.outside_entity == "edge.public" and each.at == "outer"
        assert (each.outside_port, each.inside_port) in {(80, 9980), (443, 9443)}


def test_idle_timeouts() -> None:
    """FW-07: two hours on the well-known signalling ports, TCP 1720 among them; none on media."""
    for row in CATALOG.all:
        assert row.idle_timeout in (None, 7200)
        setting = row.source.effective.setting or row.destination.effective.setting or ""
        if row.destination.ports.text in {"1720", "5060", "5061", "5062", "7001"} and row.kind is Kind.CONNECTION:
            assert row.idle_timeout == 7200, row.id
        if setting.startswith(("media", "relay")):
            assert row.idle_timeout is None, row.id


def test_same_flow_in_two_chapters_has_the_same_values() -> None:
    for row in CATALOG.all:
        for other in map(CATALOG.row, row.same_as):
            assert not other.same_as, f"{row.id}: name the first of the rows"
            if row.kind is not Kind.CONNECTION:
                continue
            assert row.opens is other.opens
            assert {c.transport for c in row.carriers} == {c.transport for c in other.carriers}, row.id
            for mine, theirs in ((row.source, other.source), (row.destination, other.destination)):
                assert mine.effective == theirs.effective, row.id
                assert mine.effective_entity.split(".")[0] == theirs.effective_entity.split(".")[0], row.id


def test_one_way_rows_have_a_row_for_the_way_back() -> None:
    def ends(row: Row) -> tuple[str, str]:
        return row.source.effective_entity.split(".")[0], row.destination.effective_entity.split(".")[0]

    one_way = [row for row in CATALOG.all if row.opens is Opens.ONE_WAY]
    for row in one_way:
        back = [each for each in one_way if each.feature == row.feature and ends(each) == ends(row)[::-1]]
        assert back, row.id


def test_by_size_values_cover_every_size_in_use() -> None:
    for row in _connections():
        for side in (row.source, row.destination):
            value = parse(side.effective.text)
            if isinstance(value, BySize):
                assert {size for sizes, _ in value.cases for size in sizes} == {"small", "medium", "large"}, row.id
