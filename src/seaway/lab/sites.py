"""What a site of the proof is in which rows live that the first call does not need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seaway.lab.accounts import LabUser
from seaway.lab.expectations import Feature
from seaway.lab.measure import Measured
from seaway.lab.network import Network
from seaway.lab.pair import Pair
from seaway.lab.plan import Variant
from seaway.lab.session import Session

__all__ = ["Site"]


@dataclass(frozen=True, slots=True)
class Site:
    """`deployment` is its file. `prepare` writes what its peers need, and adds to the nodes' files. `measure` starts
    the peers, tries everything and ends them; features in its last argument are expected to fail.

    `kept` are rows without whose rules the peers start afresh, but not the nodes; for `fresh` the nodes do too.
    """

    name: str
    title: str
    deployment: Callable[[Variant], str]
    users: tuple[LabUser, ...]
    prepare: Callable[[Pair, Network], None]
    measure: Callable[[Session, Network, frozenset[Feature]], Measured]
    kept: Mapping[str, Feature]
    fresh: Mapping[str, Feature]
    nodes: tuple[str, ...] = ()  # beside edge and core

    @property
    def rows(self) -> frozenset[str]:
        return frozenset((*self.kept, *self.fresh))
