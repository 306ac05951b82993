"""Whether a node is well, in one phrase: what the overview of `seaway status` begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["OK", "health"]

OK = "ok"


def health(
    zones: Iterable[Mapping[str, object]], alarms: Iterable[Mapping[str, object]], *, relay: bool, overload: bool
) -> str:
    """`OK`, or what is wrong, each with the command that tells more.

    `zones` and `alarms` are rows of these views; `relay` says whether it answers.
    """
    found = [] if relay else ["the relay does not answer: new calls get no media (`seaway status processes`)"]
    for row in zones:
        kind, state = str(row.get("kind", "")), row.get("state")
        if (kind.startswith("traversal") or kind == "neighbour") and state not in ("active", "configured"):
            found.append(f"zone {row['name']} is {state} (`seaway status zones`)")
    if raised := [str(each["id"]) for each in alarms if each.get("state") == "raised"]:
        named = ", ".join(raised[:5]) + (f" and {len(raised) - 5} more" if len(raised) > 5 else "")
        found.append(f"raised: {named} (`seaway alarms`)")
    if overload:
        found.append("overloaded: new requests are refused")
    return "; ".join(found) or OK
