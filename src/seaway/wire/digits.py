"""The one place where octets from the wire become an integer.

`int()` accepts signs, spaces, underscores and digits of other scripts, and takes quadratic time on long
input. Nothing of that is a number in any protocol here, so no other file calls `int()` on wire data.
"""

from __future__ import annotations

from seaway.wire.errors import WireError

__all__ = ["MAX_DIGITS", "parse_digits"]

MAX_DIGITS = 20  # enough for 2**64 - 1; leading zeros count


def parse_digits(data: bytes, *, maximum: int) -> int:
    """The value of 1 to `MAX_DIGITS` ASCII digits, leading zeros allowed, at most `maximum`.

    Raises `WireError` for anything else: empty, sign, space, underscore, other octets, too long, too large.
    """
    # bytes.isdigit() is true for ASCII digits only, and false for b"".
    if not data.isdigit():
        raise WireError("not a decimal number", section="RFC 5234 §3.4")
    if len(data) > MAX_DIGITS:
        raise WireError(f"a number of {len(data)} digits; at most {MAX_DIGITS} are accepted")
    value = int(data)
    if value > maximum:
        raise WireError(f"the number {value} is over the limit {maximum}")
    return value
