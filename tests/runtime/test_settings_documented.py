"""docs/configuration.md and the pages it links to name every setting of a node's file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from seaway.runtime.config import NodeConfig

DOCS = Path(__file__).parents[2] / "docs"


def settings(model: type[BaseModel], seen: tuple[type, ...] = ()) -> Iterator[tuple[str, str]]:
    """Table and setting."""
    for name, field in model.model_fields.items():
        yield model.__name__, field.alias or name
        for inner in models(field.annotation):
            if inner not in seen:
                yield from settings(inner, (*seen, model))


def models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for each in get_args(kind):
        yield from models(each)


def code() -> set[str]:
    """The words in code of the page and of those it links to: blocks between fences, and what is in backticks."""
    page = (DOCS / "configuration.md").read_text()
    links = sorted(set(re.findall(r"[(/`]([a-z0-9-]+\.md)", page)))
    text = page + "".join((DOCS / each).read_text() for each in links)
    blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`[^`\n]+`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return set(re.findall(r"[A-Za-z0-9_]+", " ".join([*blocks, *spans])))


def test_every_setting_is_documented() -> None:
    known = code()
    assert sorted({f"{table}.{name}" for table, name in settings(NodeConfig) if name not in known}) == []
    assert "refer" in known and "b2bua_cals" not in known
    assert ("Sip", "refer") in set(settings(NodeConfig)) and ("ServiceTable", "url") in set(settings(NodeConfig))


def keys() -> Iterator[tuple[str, str]]:
    """Table and key of each setting in the example of docs/configuration.md, also of those that are commented out."""
    page = (DOCS / "configuration.md").read_text()
    (block,) = re.findall(r"^```toml\n(node = .*?)^```", page, re.MULTILINE | re.DOTALL)
    table = ""
    for line in block.split("\n"):
        if found := re.match(r"(?:# ?)?\[+([a-z_.0-9]+)\]", line):
            table = found[1]
        elif found := re.match(r"(?:# ?)?([a-z_0-9]+) = ", line):
            yield table, found[1]


def test_every_setting_of_the_example_exists() -> None:
    names = {name for _, name in settings(NodeConfig)}
    assert [each for each in keys() if each[1] not in names] == []
    assert len(list(keys())) > 50
