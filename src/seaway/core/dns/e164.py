"""ENUM (RFC 6116): from a telephone number to SIP URIs, by NAPTR records.

One `EnumSearch` for each number. `question` is the name to ask for, `None` at the end, when `uris` holds what was found
in order; a record without flags leads on to another name (§3.4.3), five times at most and never back.
"""

from __future__ import annotations

from seaway.core.dns.io import Answer, Naptr
from seaway.core.dns.substitute import SubstitutionError, substitute

__all__ = ["EnumSearch", "enum_digits", "enum_name"]

_MOST_DIGITS = 15  # E.164 §6
_MOST_RECORDS = 32
_MOST_URIS = 10
_MOST_STEPS = 5
_DIGITS = frozenset("0123456789")
_FILL = str.maketrans("", "", "-.() ")


def enum_digits(alias: str) -> str | None:
    """The digits of an alias that is a number (`+44 20 7946`, `4420`), `None` for any other."""
    plain = alias.removeprefix("+").translate(_FILL)
    return plain if plain and len(plain) <= _MOST_DIGITS and _DIGITS.issuperset(plain) else None


def enum_name(digits: str, suffix: str = "e164.arpa") -> str:
    """RFC 6116 §3.2: the digits backwards, with dots between, before the suffix."""
    return ".".join((*reversed(digits), suffix.strip(".").lower()))


class EnumSearch:
    """`digits` without `+`. The zone `suffix` is `e164.arpa` or a private one."""

    def __init__(self, digits: str, suffix: str = "e164.arpa") -> None:
        self._text = "+" + digits  # the Application Unique String (RFC 6116 §3.1)
        self._seen: set[str] = set()
        self.question: str | None = enum_name(digits, suffix)
        self.uris: tuple[str, ...] = ()
        self.why = ""

    def answered(self, answer: Answer) -> None:
        """Take the answer to `question`."""
        if self.question is None:
            return
        self._seen.add(self.question)
        name, self.question = self.question, None
        records = sorted(
            (each for each in answer.records if isinstance(each, Naptr)),
            key=lambda each: (each.order, each.preference),
        )
        if not records:
            self.why = answer.failure or f"{name} has no NAPTR record"
            return
        found: list[str] = []
        for each in records[:_MOST_RECORDS]:
            flags = each.flags.lower()
            if flags == "u" and _is_sip(each.service):
                uri = self._rewritten(each)
                if uri is not None and uri not in found:
                    found.append(uri)
            elif flags == "" and not found and each.replacement and not each.regexp:
                self._follow(each.replacement)
                return
        self.uris = tuple(found[:_MOST_URIS])
        if not found:
            self.why = self.why or f"{name} has no usable record for SIP"

    def _rewritten(self, record: Naptr) -> str | None:
        try:
            uri = substitute(record.regexp, self._text)
        except SubstitutionError as error:
            self.why = f"NAPTR {record.order} {record.preference}: {error}"
            return None
        if not uri.lower().startswith(("sip:", "sips:")) or not uri.isascii() or not uri.isprintable() or " " in uri:
            self.why = f"NAPTR {record.order} {record.preference}: the result is no SIP URI"
            return None
        return uri

    def _follow(self, replacement: str) -> None:
        name = replacement.rstrip(".").lower()
        if name in self._seen or len(self._seen) >= _MOST_STEPS:
            self.why = f"the records lead round in circles or further than {_MOST_STEPS} steps"
            return
        self.question = name


def _is_sip(service: str) -> bool:
    """`E2U+sip`, also among others (`E2U+h323+sip`), and `SIP+E2U` of RFC 2916."""
    parts = service.lower().split("+")
    if parts[-1] == "e2u":
        parts = [parts[-1], *parts[:-1]]
    return parts[0] == "e2u" and any(part.partition(":")[0] == "sip" for part in parts[1:])
