"""`data/*.toml` -> `Catalog`. Checks every field against the vocabulary; malformed data names file, row and field.

`data/chapterNN.toml` holds the rows of one chapter, `data/own.toml` the rows that Seaway adds, `data/anomalies.toml`
the anomalies, each written once and named by the rows that it touches.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files

from seaway.catalog.entities import ENTITIES
from seaway.catalog.features import FEATURES, GROUPS, SETTINGS, SWITCHES
from seaway.catalog.fields import CatalogError, Table
from seaway.catalog.grammar import GrammarError, parse
from seaway.catalog.model import (
    Anomaly,
    Carrier,
    Kind,
    Opens,
    PortExpr,
    Row,
    Security,
    Side,
    Translation,
    Transport,
)

__all__ = ["Catalog", "CatalogError", "build_catalog", "carriers", "load_catalog"]

OWN = "own"
PROSE = "prose"

_ROW_ID = re.compile(r"(?:T(?P<table>[1-9][0-9]?)|(?P<prose>P)|Y[0-9]{2})-(?P<number>[0-9]{2})", re.ASCII)
_SECURED = {"tls": Security.TLS, "mtls": Security.MTLS, "https": Security.HTTPS, "ssh": Security.SSH}


@dataclass(frozen=True)
class Catalog:
    """`rows` are those of the reference guide in its order (tables, then prose); `own` are Seaway's additions."""

    rows: tuple[Row, ...]
    own: tuple[Row, ...]

    @cached_property
    def all(self) -> tuple[Row, ...]:
        return self.rows + self.own

    @cached_property
    def _by_id(self) -> dict[str, Row]:
        return {row.id: row for row in self.all}

    def row(self, row_id: str) -> Row:
        """Raises `KeyError` when there is no such row."""
        try:
            return self._by_id[row_id]
        except KeyError:
            raise KeyError(f"no row {row_id!r} in the catalog") from None

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._by_id


@lru_cache(maxsize=1)
def load_catalog() -> Catalog:
    """The catalog of this package; read once. Raises `CatalogError`."""
    folder = files("seaway.catalog") / "data"
    return build_catalog(
        {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml")}
    )


def build_catalog(texts: Mapping[str, str]) -> Catalog:
    """The catalog of these files, file name -> TOML text. Raises `CatalogError`."""
    parsed = {name: _toml(name, texts[name]) for name in sorted(texts)}
    anomalies = dict(_anomalies("anomalies.toml", parsed.pop("anomalies.toml", {})))
    rows: dict[str, Row] = {}
    for name, data in parsed.items():
        for row in _rows(name, data, anomalies):
            if row.id in rows:
                raise CatalogError(name, row.id, "id", "is used by another row")
            rows[row.id] = row
    for row in rows.values():
        for other in row.same_as:
            if other not in rows:
                raise CatalogError(_file_of(row), row.id, "same_as", f"there is no row {other!r}")
    ordered = sorted(rows.values(), key=_order)
    return Catalog(
        rows=tuple(row for row in ordered if row.table != OWN), own=tuple(row for row in ordered if row.table == OWN)
    )


def carriers(transport: str, security: Security | None = None) -> tuple[tuple[Carrier, ...], bool]:
    """`udp+tcp` -> the carriers, and whether one of them is to be chosen (`|`) or all are used.

    `security` names what runs on top where the text only says tcp or tls. Raises `ValueError`.
    """
    choose_one = "|" in transport
    found = tuple(_carrier(each, security) for each in re.split(r"[+|]", transport))
    if len(set(found)) != len(found) or ("+" in transport and choose_one):
        raise ValueError(f"{transport!r} is no list of transports")
    return found, choose_one


def _carrier(name: str, security: Security | None) -> Carrier:
    if name in _SECURED:
        return Carrier(Transport.TCP, security or _SECURED[name])
    if name == "tcp":
        return Carrier(Transport.TCP, security or Security.NONE)
    if name == "udp":
        return Carrier(Transport.UDP)
    if name == "unspecified":
        return Carrier(Transport.UNSPECIFIED)
    if re.fullmatch(r"ip/[0-9]{1,3}", name, re.ASCII) and int(name[3:]) < 256:
        return Carrier(Transport.IP, protocol=int(name[3:]))
    raise ValueError(f"{name!r} is no transport")


def _toml(name: str, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(name, "", "", f"not TOML: {error}") from error


def _order(row: Row) -> tuple[int, int, str]:
    if row.table == OWN:
        return 2, 0, row.id
    if row.table == PROSE:
        return 1, 0, row.id
    return 0, int(row.table), row.id


def _file_of(row: Row) -> str:
    return "own.toml" if row.table == OWN else f"chapter{row.chapter:02}.toml"


def _anomalies(file: str, data: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name, value in data.items():
        if not isinstance(value, dict):
            raise CatalogError(file, name, "", "must be a table")
        yield name, value


def _rows(file: str, data: Mapping[str, object], anomalies: Mapping[str, Mapping[str, object]]) -> Iterator[Row]:
    top = Table(data, file, "")
    chapter = top.number("chapter")
    entries = data.get("row", [])
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise CatalogError(file, "", "row", "must be a list of tables ([[row]])")
    for index, entry in enumerate(entries):
        name = entry.get("id")
        yield _row(Table(entry, file, name if isinstance(name, str) else f"row {index + 1}"), chapter, anomalies)


def _row(table: Table, chapter: int | None, anomalies: Mapping[str, Mapping[str, object]]) -> Row:
    row_id = table.text("id")
    match = _ROW_ID.fullmatch(row_id)
    if match is None:
        raise table.error("id", f"{row_id!r} is no row id (T11-01, P-06, Y01-01)")
    own_chapter = table.number("chapter")
    if (chapter is None) == (own_chapter is None):
        raise table.error("chapter", "write it once: for the file, or in each row of a file without one")
    transport, used_transport = table.text("transport"), table.optional_text("used_transport")
    security = table.optional_text("security")
    try:
        carriers(transport)
        used, choose_one = carriers(used_transport or transport, Security(security) if security else None)
    except ValueError as error:
        raise table.error("transport", str(error)) from error
    source, destination = _side(table.table("source")), _side(table.table("destination"))
    group, choice = table.optional_text("group"), table.optional_text("choice")
    if group is not None:
        table.one_of("choice", choice or "", GROUPS[table.one_of("group", group, GROUPS)])
    elif choice is not None:
        raise table.error("choice", "needs a group")
    preferred = table.optional_text("preferred")
    if (preferred is not None) != choose_one:
        raise table.error("preferred", "is needed where the transport offers alternatives, and only there")
    if preferred is not None:
        table.one_of("preferred", preferred, (used_transport or transport).split("|"))
    printed = {
        "source.ports": (source.ports.text, source.effective.text),
        "destination.ports": (destination.ports.text, destination.effective.text),
        "source.entity": (source.entity, source.effective_entity),
        "destination.entity": (destination.entity, destination.effective_entity),
        "transport": (transport, used_transport or transport),
    }
    row = Row(
        id=row_id,
        table=match["table"] or (PROSE if match["prose"] else OWN),
        chapter=chapter or own_chapter or 0,
        section=table.text("section"),
        purpose=table.text("purpose"),
        kind=_kind(table),
        feature=table.one_of("feature", table.text("feature"), FEATURES),
        source=source,
        destination=destination,
        transport=transport,
        carriers=used,
        choose_one=choose_one,
        preferred=preferred,
        used_transport=used_transport,
        opens=_opens(table),
        default_on=table.flag("default_on", True),
        optional=table.flag("optional", False),
        requires=tuple(table.one_of("requires", each, SWITCHES) for each in table.texts("requires")),
        group=group,
        choice=choice,
        translation=_translation(table.optional_table("translation")),
        since=table.optional_text("since"),
        until=table.optional_text("until"),
        idle_timeout=table.number("idle_timeout"),
        notes=table.texts("notes"),
        footnotes=table.texts("footnotes"),
        anomalies=tuple(_anomaly(table, each, anomalies, printed) for each in table.texts("anomalies")),
        same_as=table.texts("same_as"),
        source_line=table.number("line"),
    )
    table.finish()
    for field, (value, instead) in printed.items():
        if value != instead and all(each.field != field for each in row.anomalies):
            raise table.error(field, f"{instead!r} is used instead of {value!r}, and no anomaly says why")
    return row


def _side(table: Table) -> Side:
    entity, used_entity = table.text("entity"), table.optional_text("used_entity")
    table.one_of("entity", entity, ENTITIES)
    if used_entity is not None:
        table.one_of("used_entity", used_entity, ENTITIES)
    ports, used, setting = table.text("ports"), table.optional_text("used"), table.optional_text("setting")
    if setting is not None:
        table.one_of("setting", setting, SETTINGS)
    for field, text in (("ports", ports), ("used", used)):
        try:
            parse(text if text is not None else "n/a")
        except GrammarError as error:
            raise table.error(field, str(error)) from error
    table.finish()
    # The setting moves the value that is in effect; a printed value that is not used has none.
    if used is None:
        return Side(entity, PortExpr(ports, setting), None, used_entity)
    return Side(entity, PortExpr(ports), PortExpr(used, setting), used_entity)


def _kind(table: Table) -> Kind:
    value = table.optional_text("kind") or Kind.CONNECTION
    return Kind(table.one_of("kind", value, tuple(Kind)))


def _opens(table: Table) -> Opens:
    value = table.optional_text("opens") or Opens.SOURCE
    return Opens(table.one_of("opens", value, tuple(Opens)))


def _translation(table: Table | None) -> Translation | None:
    if table is None:
        return None
    outside, inside = table.number("outside_port"), table.number("inside_port")
    if outside is None or inside is None:
        raise table.error("outside_port" if outside is None else "inside_port", "is missing")
    result = Translation(
        outside_entity=table.one_of("outside_entity", table.text("outside_entity"), ENTITIES),
        outside_port=outside,
        inside_entity=table.one_of("inside_entity", table.text("inside_entity"), ENTITIES),
        inside_port=inside,
        at=table.one_of("at", table.text("at"), ("outer", "inner")),
    )
    table.finish()
    return result


def _anomaly(
    row: Table, name: str, anomalies: Mapping[str, Mapping[str, object]], printed: Mapping[str, tuple[str, str]]
) -> Anomaly:
    """The anomaly `name` as it stands for one row: the values of its field are those of the row."""
    if name not in anomalies:
        raise row.error("anomalies", f"{name!r} is not in anomalies.toml")
    table = Table(anomalies[name], "anomalies.toml", name)
    field = _side_of(table.text("field"), printed)
    what, why = table.text("what"), table.text("why")
    if field in printed:
        value, instead = printed[field]
    else:
        value, instead = table.one_of("field", field, ("text",)), ""
    result = Anomaly(
        what=what,
        field=field,
        printed=table.optional_text("printed") or (value if field in printed else what),
        used=table.optional_text("used") or instead or "wording only; every value as printed",
        why=why,
        id=name,
    )
    table.finish()
    return result


def _side_of(field: str, printed: Mapping[str, tuple[str, str]]) -> str:
    """`ports` or `entity` stand for the side whose value is not the printed one."""
    if field not in ("ports", "entity"):
        return field
    sides = (f"destination.{field}", f"source.{field}")
    return next((each for each in sides if printed[each][0] != printed[each][1]), sides[1])
