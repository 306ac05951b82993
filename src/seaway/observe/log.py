"""The structured log: one line is an event name and fields, as text or JSON.

`configure` is called once in each process; `get(**fields)` binds fields that every line shall carry. Two processors
guard what comes from the wire: controls are escaped so that no peer can forge a line or steer a terminal, and secrets
are masked by field name and by shape (R67). Log calls are for state changes and faults; they are never on the path of
every packet.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

__all__ = ["Format", "Level", "LogError", "configure", "escape", "get", "redact"]

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

MASK = "***"
_DEPTH = 6
_LONGEST = 4096  # characters of one value

_SECRET_NAME = re.compile(
    r"passw|secret|authorization|credential|cookie|token|ha1|ice_?-?pwd|private|sdes", re.IGNORECASE
)
_HARMLESS_NAMES = frozenset({"token_count"})
_SECRET_SHAPES = (
    # A whole header line, a=crypto and ICE password lines of SDP, and digest parameters.
    re.compile(r"((?:Proxy-)?Authorization[ \t]*:)[^\r\n]*", re.IGNORECASE),
    re.compile(r"(\binline:)[^\s|;]+", re.IGNORECASE),
    re.compile(r"(a=ice-pwd:)[^\r\n]+", re.IGNORECASE),
    re.compile(r"(\b(?:password|ha1|cnonce|response)[ \t]*=[ \t]*)(?:\"[^\"]*\"|[^\s,;\"]+)", re.IGNORECASE),
)

# Something that begins like one of these shapes: most text does not, and one look is cheaper than four replacements.
_SUSPECT = re.compile(
    r"authorization[ \t]*:|a=ice-pwd:|\binline:|\b(?:password|ha1|cnonce|response)[ \t]*=", re.IGNORECASE
)

# C0 and C1 controls, DEL, line separators, and the bidirectional controls (Unicode UAX #9).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BARE = re.compile(r"[!#-<>-~]+")  # text that needs neither escapes nor quotes: printable ASCII but space, " and =
_SHORT = {"\r": "\\r", "\n": "\\n", "\t": "\\t"}


_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class LogError(Exception):
    """The log file cannot be opened; the text is one line that names it."""


def escape(text: str) -> str:
    """Controls and bidirectional marks as visible escapes; the rest as it is."""

    def visible(match: re.Match[str]) -> str:
        char = match[0]
        return _SHORT.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}")

    return _UNSAFE.sub(visible, text)


_key = lru_cache(1024)(escape)


def redact(value: object, name: str = "", depth: int = 0) -> object:
    """The value with secrets masked: whole fields by `name`, and parts of text by their shape."""
    if name and value is not None and _is_secret(name):
        return MASK
    if type(value) is int or type(value) is float:
        return value
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        if (":" in value or "=" in value) and _SUSPECT.search(value):
            for shape in _SECRET_SHAPES:
                value = shape.sub(rf"\g<1>{MASK}", value)
        return value
    if depth >= _DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return {str(key): redact(each, str(key), depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(each, "", depth + 1) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value), "", depth + 1)


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return name not in _HARMLESS_NAMES and _SECRET_NAME.search(name) is not None


def _redact_all(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Masks what is secret, and cuts long text."""
    for key, value in event.items():
        value = redact(value, key)
        if type(value) is str and len(value) > _LONGEST:
            value = value[:_LONGEST] + "..."
        event[key] = value
    return event


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    # ensure_ascii: controls and bidirectional marks leave as \uXXXX.
    return json.dumps(event, ensure_ascii=True, default=str)


def _render_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    time, level, name = event.pop("time", ""), event.pop("level", ""), event.pop("event", "")
    fields = " ".join([f"{_key(key)}={_text(value)}" for key, value in event.items()])
    return f"{time} {level:<7} {escape(str(name))}{' ' if fields else ''}{fields}"


def _text(value: object) -> str:
    if isinstance(value, str):
        if _BARE.fullmatch(value):
            return value
        safe = escape(value)
        return safe if safe and not re.search(r'[ "=]', safe) else '"' + safe.replace('"', '\\"') + '"'
    return str(value) if type(value) is int else escape(_encode(value))


class _Lines:
    """Writes lines to one stream. A full disk or a closed terminal costs the line, never the call that logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._by_line = isinstance(stream, TextIOWrapper) and stream.line_buffering
        self.lost = 0

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            if not self._by_line:
                self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1

    debug = info = warning = error = critical = exception = msg


def configure(format: Format = "text", level: Level = "info", file: Path | None = None) -> TextIO:
    """Set up the log of this process and return its stream (standard error without `file`). Raises `LogError`."""
    stream: TextIO = sys.stderr
    if file is not None:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o640)
        except OSError as error:
            raise LogError(
                f"log file {file}: {error.strerror}; set [log] file to a path that can be written"
            ) from error
        stream = os.fdopen(descriptor, "a", buffering=1, encoding="utf-8", errors="backslashreplace")
    lines = _Lines(stream)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _redact_all,
            _render_json if format == "json" else _render_text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    return stream


def get(**fields: Any) -> FilteringBoundLogger:
    """A logger whose lines carry `fields`."""
    return cast(FilteringBoundLogger, structlog.get_logger(**fields))
