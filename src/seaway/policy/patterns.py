"""Patterns over aliases: exact, prefix, suffix and regular expressions, and what a match makes of the alias. Pure.

Patterns come from the operator, aliases from peers: regular expressions are those of RE2, whose time is linear in the
alias whatever the pattern (R70), and an alias has at most `MAX_ALIAS` octets. RE2 has no lookahead; at the beginning of
a pattern, where dial plans have it ("everything but our own domain"), it is done here as a pattern of its own.
Everything is matched as a whole and without regard to case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import re2  # type: ignore[import-untyped]

__all__ = ["MAX_ALIAS", "MAX_PATTERN", "Matcher", "PatternError", "PatternType"]

PatternType = Literal["exact", "prefix", "suffix", "regex"]

MAX_ALIAS = 256  # octets
MAX_PATTERN = 512  # characters
_MEMORY = 1 << 20  # octets for one compiled pattern

_NONE: Mapping[str, str] = {}


class PatternError(ValueError):
    """A pattern or replacement that cannot be used; `str()` is one clear phrase."""


class Matcher:
    """One pattern with what it makes of an alias.

    `behaviour` and `replace` as in `search_settings.Behaviour`. `variables` maps names that may stand in a pattern as
    `%name%` to regular expressions. Raises `PatternError`.
    """

    def __init__(
        self, type: PatternType, pattern: str, behaviour: str = "leave", replace: str = "",
        variables: Mapping[str, str] = _NONE,
    ) -> None:  # fmt: skip
        if not pattern or len(pattern) > MAX_PATTERN:
            raise PatternError(f"a pattern has 1 to {MAX_PATTERN} characters")
        if behaviour == "strip" and type not in ("prefix", "suffix"):
            raise PatternError(f"strip is for prefix and suffix; use replace with {type}")
        if behaviour in ("add-prefix", "add-suffix") and not replace:
            raise PatternError(f"{behaviour} needs what to add in replace")
        if behaviour in ("leave", "strip") and replace:
            raise PatternError(f"replace has no meaning with {behaviour}")
        self.type = type
        self._text = pattern.lower()
        self._behaviour = behaviour
        self._replace = replace
        self._regex: _Regex | None = None
        self._parts: list[str | int] = []
        if type == "regex":
            self._regex = _Regex(pattern, variables)
            if behaviour == "replace":
                self._parts = _replacement(replace, self._regex.skipped, self._regex.groups)

    def apply(self, alias: str) -> str | None:
        """What `alias` becomes; `None` when it does not match."""
        regex = self._regex
        if regex is not None:
            found = regex.fullmatch(alias)
            if found is None:
                return None
            if self._behaviour == "replace":
                return "".join(part if isinstance(part, str) else found.group(part) or "" for part in self._parts)
            begin, end = 0, len(alias)
        else:
            span = self._span(alias)
            if span is None:
                return None
            begin, end = span
        if self._behaviour == "leave":
            return alias
        if self._behaviour == "add-prefix":
            return self._replace + alias
        if self._behaviour == "add-suffix":
            return alias + self._replace
        return alias[:begin] + self._replace + alias[end:]

    def _span(self, alias: str) -> tuple[int, int] | None:
        """The part of `alias` that matches."""
        text, size = self._text, len(self._text)
        if self.type == "prefix":
            return (0, size) if alias[:size].lower() == text else None
        if self.type == "suffix":
            return (len(alias) - size, len(alias)) if alias[-size:].lower() == text else None
        return (0, len(alias)) if alias.lower() == text else None


class _Regex:
    """A compiled expression with the lookaheads that stood before it."""

    def __init__(self, pattern: str, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            pattern = pattern.replace(f"%{name}%", f"(?:{value})")
        self._conditions: list[tuple[bool, Any]] = []
        self.skipped = 0  # groups of the lookaheads: they are counted, but cannot be used
        rest = pattern.removeprefix("^")
        while rest.startswith(("(?!", "(?=")):
            end = _closing(rest)
            condition = _compile(rest[3:end])
            self._conditions.append((rest[2] == "=", condition))
            self.skipped += condition.groups
            rest = rest[end + 1 :]
        self._pattern = _compile(rest)
        self.groups: int = self._pattern.groups

    def fullmatch(self, alias: str) -> Any:
        found = self._pattern.fullmatch(alias)
        if found is None:
            return None
        for wanted, condition in self._conditions:
            if (condition.match(alias) is not None) != wanted:
                return None
        return found


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "malformed"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        if "(?" in text:
            text += "; a lookahead may only stand at the beginning, lookbehind and back-references are not available"
        raise PatternError(f"no regular expression: {text}") from None


def _closing(pattern: str) -> int:
    """Where the group ends that `pattern` begins with."""
    depth, at, in_class = 0, 0, False
    while at < len(pattern):
        octet = pattern[at]
        if octet == "\\":
            at += 1
        elif in_class:
            in_class = octet != "]"
        elif octet == "[":
            in_class = True
            at += pattern[at + 1 : at + 2] == "^"
            at += pattern[at + 1 : at + 2] == "]"
        elif octet == "(":
            depth += 1
        elif octet == ")":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise PatternError("no regular expression: a lookahead is not closed")


def _replacement(text: str, skipped: int, groups: int) -> list[str | int]:
    """`text` cut at its group references: strings, and numbers of groups of the main expression."""
    parts: list[str | int] = []
    literal = ""
    at = 0
    while at < len(text):
        octet = text[at]
        if octet != "\\":
            literal += octet
            at += 1
            continue
        follower = text[at + 1 : at + 2]
        at += 2
        if follower == "\\":
            literal += "\\"
            continue
        if follower not in tuple("0123456789"):
            raise PatternError(rf"replacement: after \ comes a group number or another \, not {follower!r}")
        number = "0123456789".index(follower)
        if number and not skipped < number <= skipped + groups:
            raise PatternError(rf"replacement: the pattern has no group \{number}")
        parts += [literal, number - skipped if number else 0]
        literal = ""
    return [part for part in (*parts, literal) if part != ""]
