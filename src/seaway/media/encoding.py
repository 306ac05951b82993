"""Relay messages <-> lines: `{"type": "Open", "request": 1, ...}` and a line feed. Strict both ways.

The field types of the dataclasses in `protocol.py` are the schema; there is no second one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from seaway.media import protocol
from seaway.media.protocol import Command, Event, Reply

__all__ = ["MAX_COMMAND", "MAX_REPLY", "ProtocolError", "decode_command", "decode_message", "encode"]

MAX_COMMAND = 64 * 1024
"""Octets of a line towards the relay; the largest `Open` (16 streams) needs about 4 KiB."""

MAX_REPLY = 32 * 1024 * 1024
"""Octets of a line from the relay; a `Listed` of 1000 sessions with 16 streams needs about 17 MiB."""

_MAX_INTEGER = 1 << 53  # what JSON numbers carry exactly


class ProtocolError(ValueError):
    """A line is no message. `field` is the path of the offending value ("streams[0].a.kind"), "" for the whole line."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"relay message: {field + ': ' if field else ''}{what}")
        self.field = field
        self.what = what


def encode(message: Command | Reply | Event) -> bytes:
    """One line, line feed included, ASCII only."""
    body: dict[str, object] = {"type": type(message).__name__}
    body |= _plain_fields(message)
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def decode_command(line: bytes) -> Command:
    """What `signal` sends. Raises `ProtocolError`."""
    message: Command = _decode(line, _COMMANDS, MAX_COMMAND)
    return message


def decode_message(line: bytes) -> Reply | Event:
    """What the relay sends. Raises `ProtocolError`."""
    message: Reply | Event = _decode(line, _MESSAGES, MAX_REPLY)
    return message


_COMMANDS: Mapping[str, type] = {each.__name__: each for each in get_args(Command)}
_MESSAGES: Mapping[str, type] = {each.__name__: each for each in (*get_args(Reply), *get_args(Event))}


def _plain(value: Any) -> object:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return _plain_fields(value) if is_dataclass(value) else value


def _plain_fields(value: Any) -> dict[str, object]:
    return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}


def _decode(line: bytes, types: Mapping[str, type], limit: int) -> Any:
    if len(line) > limit:
        raise ProtocolError("", f"{len(line)} octets, limit {limit}")
    try:
        body = json.loads(line, object_pairs_hook=_object, parse_constant=_no_constant)
    except ProtocolError:
        raise
    except (ValueError, RecursionError) as error:
        raise ProtocolError("", f"not JSON ({type(error).__name__})") from None
    if not isinstance(body, dict):
        raise ProtocolError("", "not an object")
    name = body.pop("type", None)
    if not isinstance(name, str) or name not in types:
        raise ProtocolError("type", f"unknown: {str(name)[:40]!r}; one of {', '.join(types)}")
    return _value(body, types[name], "")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ProtocolError("", "a field occurs twice in an object")
    return dict(pairs)


def _no_constant(name: str) -> object:
    raise ProtocolError("", f"{name} is no JSON number")


@cache
def _schema(kind: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Field types of a dataclass, and the names that must be present."""
    required = frozenset(each.name for each in fields(kind) if each.default is MISSING)
    return get_type_hints(kind, vars(protocol)), required


def _value(value: Any, kind: Any, field: str) -> Any:
    """`value` as `kind`, or `ProtocolError` naming `field`."""
    origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(value, kind, field)
    if origin is tuple:
        return _tuple(value, get_args(kind), field)
    if origin in (Union, UnionType):
        if value is None:
            return None
        (inner,) = (each for each in get_args(kind) if each is not type(None))
        return _value(value, inner, field)
    if origin is Literal:
        if not isinstance(value, str) or value not in get_args(kind):
            raise ProtocolError(field, f"must be one of {', '.join(get_args(kind))}")
        return value
    if kind is float and type(value) in (int, float):
        return float(value)
    if type(value) is not kind:
        raise ProtocolError(field, f"must be {kind.__name__}, is {type(value).__name__}")
    if kind is int and abs(value) > _MAX_INTEGER:
        raise ProtocolError(field, "number too large")
    return value


def _dataclass(value: Any, kind: type, field: str) -> Any:
    if not isinstance(value, dict):
        raise ProtocolError(field, f"must be an object ({kind.__name__})")
    types, required = _schema(kind)
    prefix = field + "." if field else ""
    for name in value:
        if name not in types:
            raise ProtocolError(prefix + name[:40], f"unknown field of {kind.__name__}")
    for name in sorted(required - value.keys()):
        raise ProtocolError(prefix + name, "missing")
    return kind(**{name: _value(each, types[name], prefix + name) for name, each in value.items()})


def _tuple(value: Any, kinds: tuple[Any, ...], field: str) -> Any:
    if not isinstance(value, list):
        raise ProtocolError(field, "must be an array")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_value(each, kinds[0], f"{field}[{at}]") for at, each in enumerate(value))
    if len(value) != len(kinds):
        raise ProtocolError(field, f"must have {len(kinds)} elements, has {len(value)}")
    return tuple(_value(each, kind, f"{field}[{at}]") for at, (each, kind) in enumerate(zip(value, kinds, strict=True)))
