"""Which services bring a TURN server to the edge, and over what: read from the rows, as several chapters have some."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from seaway.catalog.load import load_catalog
from seaway.catalog.model import Kind

if TYPE_CHECKING:
    from seaway.catalog.deployment import Deployment

__all__ = ["turn_transports"]

_REQUESTS, _RELAYED = ("turn", "turn.tcp443"), ("relay",)


def turn_transports(deployment: Deployment) -> tuple[frozenset[str], frozenset[str]]:
    """ "tcp" and "udp" as far as services that are on have them: of TURN requests, and of relayed addresses. Both are
    empty without a TURN server."""
    on = [name for name in _services() if deployment.service(name)]
    requests, relayed = (
        frozenset[str]().union(*(_services()[name].get(setting, frozenset()) for name in on for setting in settings))
        for settings in (_REQUESTS, _RELAYED)
    )
    return requests, relayed


@lru_cache(1)
def _services() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Service -> setting of the edge's ports -> transports."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for row in load_catalog().all:
        for side in (row.source, row.destination):
            setting = side.effective.setting
            if row.kind is Kind.CONNECTION and setting in (*_REQUESTS, *_RELAYED):
                of = found.setdefault(row.feature, {})
                of[setting] = of.get(setting, frozenset()) | {each.transport.value for each in row.carriers}
    return found
