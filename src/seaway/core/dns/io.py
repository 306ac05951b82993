"""Questions to the DNS and their answers, as the cores see them. Values only: `runtime/resolver.py` asks the servers.

A core puts out `Resolve(token, name, kind)` and is told the `Answer` by `resolved(token, answer, now)`, at once when it
is known, within `runtime/lookups.py`'s bound in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Answer", "Kind", "Naptr", "Record", "Resolve", "Srv"]

Kind = Literal["ADDRESS", "SRV", "NAPTR"]
"""`ADDRESS`: A and AAAA, whichever of them this node has use for."""


@dataclass(frozen=True, slots=True)
class Srv:
    """RFC 2782. `target` is a name without the final dot, "" for "." (the service is not offered)."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Naptr:
    """RFC 3403 §4.1. Texts as they stand in the record; `replacement` without the final dot, "" when there is none."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


Record = str | Srv | Naptr
"""An IP literal, or the record of the kind that was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`records` of the kind that was asked for; () when there are none.

    `failure` is one line that says why the servers could not tell; "" when they did, also when they told of none.
    """

    records: tuple[Record, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Resolve:
    """A question. `token` comes back in `resolved`."""

    token: int
    name: str  # in lower case, without the final dot
    kind: Kind
