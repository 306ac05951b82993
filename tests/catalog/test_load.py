"""The loader: what the catalog holds as a whole, and that malformed data names file, row and field."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from seaway.catalog.load import CatalogError, build_catalog, carriers, load_catalog
from seaway.catalog.model import Carrier, Security, Transport

GOOD = """
chapter = 6
[[row]]
id = "T11-01"
section = "sip_calls"
feature = "sip_calls"
purpose = "SIP"
source = { entity = "core", ports = "25000-29999", setting = "sip.source" }
transport = "tcp|tls"
preferred = "tls"
destination = { entity = "edge", ports = "7001", setting = "traversal.sip" }
"""
ANOMALY = '[A-01]\nfield = "source.ports"\nwhat = "odd"\nwhy = "because"\n'


def _load(text: str, anomalies: str = ANOMALY) -> None:
    build_catalog({"chapter06.toml": text, "anomalies.toml": anomalies})


def test_the_sample_is_good() -> None:
    row = build_catalog({"chapter06.toml": GOOD}).row("T11-01")
    assert row.table == "11" and row.chapter == 6 and row.choose_one
    assert row.source.effective.setting == "sip.source"


@pytest.mark.parametrize(
    ("old", "new", "field", "problem"),
    [
        ('id = "T11-01"', 'id = "11-01"', "id", "is no row id"),
        ('section = "sip_calls"\n', "", "section", "is missing"),
        ('purpose = "SIP"', 'purpose = " "', "purpose", "is empty"),
        ('purpose = "SIP"', "purpose = 5", "purpose", "must be a text"),
        ('feature = "sip_calls"', 'feature = "sip"', "feature", "'sip' is unknown"),
        ('entity = "core"', 'entity = "kore"', "source.entity", "'kore' is unknown"),
        ('ports = "25000-29999"', 'ports = "29999-25000"', "source.ports", "lower to a higher"),
        ('setting = "traversal.sip"', 'setting = "traversal"', "destination.setting", "is unknown"),
        ('setting = "traversal.sip"', 'settings = "traversal.sip"', "destination.settings", "is no field"),
        ('transport = "tcp|tls"', 'transport = "sctp"', "transport", "'sctp' is no transport"),
        ('transport = "tcp|tls"', 'transport = "tcp|tcp"', "transport", "is no list of transports"),
        ('preferred = "tls"\n', "", "preferred", "is needed"),
        ('preferred = "tls"', 'preferred = "udp"', "preferred", "'udp' is unknown"),
        ('purpose = "SIP"', 'purpose = "SIP"\nkind = "maybe"', "kind", "is unknown"),
        ('purpose = "SIP"', 'purpose = "SIP"\nopens = "both"', "opens", "is unknown"),
        ('purpose = "SIP"', 'purpose = "SIP"\noptional = 1', "optional", "must be true or false"),
        ('purpose = "SIP"', 'purpose = "SIP"\nidle_timeout = 0', "idle_timeout", "positive"),
        ('purpose = "SIP"', 'purpose = "SIP"\nidle_timeout = true', "idle_timeout", "positive"),
        ('purpose = "SIP"', 'purpose = "SIP"\nnotes = "one"', "notes", "must be a list"),
        ('purpose = "SIP"', 'purpose = "SIP"\nnotes = [1]', "notes", "list of texts"),
        ('purpose = "SIP"', 'purpose = "SIP"\nrequires = ["sip.udp"]', "requires", "is unknown"),
        ('purpose = "SIP"', 'purpose = "SIP"\ngroup = "mail"\nchoice = "tls"', "choice", "is unknown"),
        ('purpose = "SIP"', 'purpose = "SIP"\nchoice = "tls"', "choice", "needs a group"),
        ('purpose = "SIP"', 'purpose = "SIP"\nanomalies = ["A-99"]', "anomalies", "not in anomalies.toml"),
        ('purpose = "SIP"', 'purpose = "SIP"\nsame_as = ["T11-99"]', "same_as", "no row 'T11-99'"),
        ('purpose = "SIP"', 'purpose = "SIP"\nchapter = 6', "chapter", "write it once"),
        ('purpose = "SIP"', 'purpose = "SIP"\nsurprise = 1', "surprise", "is no field"),
        ('ports = "7001",', 'ports = "7001", used = "7002",', "destination.ports", "no anomaly says why"),
        ('purpose = "SIP"', 'purpose = "SIP"\nused_transport = "tls|mtls"', "transport", "no anomaly says why"),
    ],
)
def test_malformed_data_names_file_row_and_field(old: str, new: str, field: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(CatalogError) as caught:
        _load(GOOD.replace(old, new))
    error = caught.value
    assert error.file == "chapter06.toml"
    assert error.row == ("T11-01" if field != "id" else "11-01")
    assert error.field == field
    assert problem in error.problem
    assert str(error).startswith("catalog data: chapter06.toml: ")


def test_a_broken_file_is_named() -> None:
    with pytest.raises(CatalogError, match=r"chapter06\.toml: not TOML"):
        _load(GOOD + "[[row")


def test_an_id_is_used_once() -> None:
    with pytest.raises(CatalogError, match=r"T11-01: id: is used by another row"):
        build_catalog({"chapter06.toml": GOOD, "chapter07.toml": GOOD})


def test_a_used_value_comes_with_its_anomaly() -> None:
    text = GOOD.replace('ports = "25000-29999"', 'ports = "25000-25999", used = "25000-29999"')
    row = build_catalog(
        {"chapter06.toml": text.replace("preferred", 'anomalies = ["A-01"]\npreferred'), "anomalies.toml": ANOMALY}
    ).row("T11-01")
    (anomaly,) = row.anomalies
    assert (anomaly.printed, anomaly.used, anomaly.field) == ("25000-25999", "25000-29999", "source.ports")
    assert row.source.ports.setting is None and row.source.effective.setting == "sip.source"


@pytest.mark.parametrize(
    ("text", "expected", "choose_one"),
    [
        ("udp+tcp", (Carrier(Transport.UDP), Carrier(Transport.TCP)), False),
        ("tcp|tls", (Carrier(Transport.TCP), Carrier(Transport.TCP, Security.TLS)), True),
        ("https", (Carrier(Transport.TCP, Security.HTTPS),), False),
        ("ip/51", (Carrier(Transport.IP, protocol=51),), False),
        ("unspecified", (Carrier(Transport.UNSPECIFIED),), False),
    ],
)
def test_transport_and_security_are_apart(text: str, expected: tuple[Carrier, ...], choose_one: bool) -> None:
    assert carriers(text) == (expected, choose_one)


def test_counts_and_order() -> None:
    catalog = load_catalog()
    assert len(catalog.rows) == 260
    assert catalog.rows[0].id == "T3-01" and catalog.rows[-1].id == "P-14"
    assert catalog.all == catalog.rows + catalog.own
    assert len({row.id for row in catalog.all}) == len(catalog.all)
    assert all(row.id.startswith("Y") and row.table == "own" for row in catalog.own)
    assert load_catalog() is catalog
    assert "T11-01" in catalog and "T99-01" not in catalog
    with pytest.raises(KeyError, match="T99-01"):
        catalog.row("T99-01")


def test_loading_is_quick() -> None:
    """A second is far above what it takes (about 0.1 s with the imports), so that a busy machine does not fail it."""
    started = time.process_time()
    load_catalog.cache_clear()
    load_catalog()
    assert time.process_time() - started < 1.0


def test_loading_needs_no_third_party_package() -> None:
    """Every node start pays for these imports, and the pure room promises not to need them."""
    code = (
        "import sys; from seaway.catalog.load import load_catalog; load_catalog();"
        "bad = {'pydantic', 'asyncio', 'socket', 'structlog'} & set(sys.modules); sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
