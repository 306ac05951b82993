"""The substitution expression of a NAPTR record (RFC 3402 §3.2): `!ERE!replacement!flags`.

The expression comes from whoever owns the zone, so it must not be able to hold us up (R70): RE2 evaluates it as POSIX
ERE, leftmost and longest, in linear time and bounded memory. Back-references inside the expression are refused.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

__all__ = ["SubstitutionError", "substitute"]

_MOST = 255  # octets of an expression: one character-string of the DNS
_MOST_TEXT = 64  # of what it is applied to
_RESULT = 2048  # octets
_MEMORY = 256 * 1024  # octets for one compiled expression


class SubstitutionError(Exception):
    """An expression that is malformed or not taken, or that did not match. `str()` is one line."""


def substitute(expression: str, text: str) -> str:
    """`text` rewritten by `expression`. Raises `SubstitutionError`."""
    if len(expression) > _MOST:
        raise SubstitutionError(f"the expression is longer than {_MOST} octets")
    if len(text) > _MOST_TEXT:
        raise SubstitutionError(f"the text is longer than {_MOST_TEXT} octets")
    pattern, replacement, flags = _parts(expression)
    if flags not in ("", "i"):
        raise SubstitutionError(f'flag "{flags[:8]}" is unknown')
    compiled = _compiled(pattern, flags)
    found = compiled.search(text)
    if found is None:
        raise SubstitutionError("the expression does not match")
    out = text[: found.start()] + _filled(replacement, found, compiled.groups) + text[found.end() :]
    if len(out) > _RESULT:
        raise SubstitutionError(f"the result is longer than {_RESULT} octets")
    return out


def _parts(expression: str) -> tuple[str, str, str]:
    """RFC 3402 §3.2: the first octet is the delimiter; a back-slash takes its meaning away."""
    delimiter = expression[:1]
    if not delimiter or delimiter in "\\123456789i":
        raise SubstitutionError("the expression has no delimiter")
    parts: list[str] = [""]
    position = 1
    while position < len(expression):
        octet = expression[position]
        if octet == "\\" and position + 1 < len(expression):
            following = expression[position + 1]
            parts[-1] += following if following == delimiter else octet + following
            position += 2
            continue
        if octet == delimiter:
            parts.append("")
        else:
            parts[-1] += octet
        position += 1
    if len(parts) != 3:
        raise SubstitutionError("the expression has not three parts")
    return parts[0], parts[1], parts[2]


def _filled(replacement: str, found: Any, groups: int) -> str:
    out, position = "", 0
    while position < len(replacement):
        octet = replacement[position]
        if octet == "\\" and position + 1 < len(replacement):
            following = replacement[position + 1]
            if following in "123456789":
                number = "0123456789".index(following)
                if number > groups:
                    raise SubstitutionError(f"\\{following} has no group")
                out += found.group(number) or ""
            else:
                out += following
            position += 2
            continue
        out += octet
        position += 1
    return out


@lru_cache(maxsize=500)
def _compiled(pattern: str, flags: str) -> Any:
    options = re2.Options()
    options.posix_syntax = options.longest_match = True
    options.case_sensitive = not flags
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error:
        raise SubstitutionError("the expression is malformed, has back-references, or is too large") from None
