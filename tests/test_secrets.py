"""No secret is in the `repr` of what holds it: what is logged or raised by mistake does not tell it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

import seaway

_NAME = re.compile(r"(.*_)?(password|secrets?|ha1(_\w+)?|key_md5|key_sha256|salt)")
_OCTETS = re.compile(r"(.*_)?key")  # secret where it is octets; a field of text may well be a name


def classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(seaway.__path__, "seaway."):
        if module.name.startswith("seaway.lab"):
            continue  # accounts that a demonstration makes up
        for name, found in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(found) and found.__module__ == module.name and name == found.__name__:
                yield found


def told(found: type) -> list[str]:
    """Secret fields that the `repr` of `found` tells."""
    if issubclass(found, BaseModel):
        shown = [(name, each.annotation) for name, each in found.model_fields.items() if each.repr]
    elif is_dataclass(found) and getattr(found, "__dataclass_params__").repr:  # noqa: B009  # unknown to the type checker
        shown = [(each.name, each.type) for each in fields(found) if each.repr]
    else:
        return []
    return [name for name, kind in shown if _secret(name, kind)]


def _secret(name: str, kind: Any) -> bool:
    return bool(_NAME.fullmatch(name)) or (bool(_OCTETS.fullmatch(name)) and kind in (bytes, "bytes", "bytes | None"))


_HARMLESS = {"seaway.core.srtp.suites.Suite.salt"}  # how long one is


def test_no_secret_is_in_a_repr() -> None:
    found = [f"{each.__module__}.{each.__name__}.{name}" for each in classes() for name in told(each)]
    assert sorted(set(found) - _HARMLESS) == []
