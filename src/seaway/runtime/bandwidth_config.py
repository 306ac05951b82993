"""Bandwidth in a node's file: `[bandwidth]`, `[[subzone]]`, `[[membership]]`, `[[pipe]]`, `[[link]]`; checked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, StrictInt, model_validator

from seaway.catalog.problems import Refused, did_you_mean
from seaway.policy.bandwidth import Bandwidth, BandwidthError, BandwidthPolicy, Link, Pipe, Place
from seaway.policy.subzones import DEFAULT_SUBZONE, Membership, MembershipError, Subzones
from seaway.runtime.settings import Settings
from seaway.runtime.zone_config import Name, Pattern, Priority

__all__ = ["DEFAULT_ZONE", "BandwidthTable", "LinkTable", "MembershipTable", "PipeTable", "SubzoneTable",
           "bandwidth_policy", "memberships"]  # fmt: skip

DEFAULT_ZONE = "DefaultZone"
"""The place of the default zone, as links name it."""

_Rate = Annotated[StrictInt, Field(ge=0, le=100_000_000)]  # kbit/s


class BandwidthTable(Settings):
    """`[bandwidth]`."""

    default_call: Annotated[StrictInt, Field(ge=16, le=100_000)] = 384
    downspeed_per_call: bool = True
    downspeed_total: bool = True


class SubzoneTable(Settings):
    """`[[subzone]]`, in kbit/s; what is not given is unlimited, 0 is none."""

    name: Name
    total: _Rate | None = None
    within: _Rate | None = None
    across: _Rate | None = None


class MembershipTable(Settings):
    """`[[membership]]`: which endpoints are in a subzone."""

    priority: Priority
    subzone: Name
    subnet: Annotated[str, Field(max_length=64)] | None = None
    alias: Pattern | None = None

    @model_validator(mode="after")
    def _usable(self) -> MembershipTable:
        if (self.subnet is None) == (self.alias is None):
            raise Refused(f"membership {self.priority} needs subnet or alias", "give one of them")
        try:
            Subzones([_membership(self)])
        except MembershipError as error:
            raise Refused(f"membership {self.priority}: {error}", "correct subnet or alias") from None
        return self


class PipeTable(Settings):
    """`[[pipe]]`, in kbit/s."""

    name: Name
    total: _Rate | None = None
    per_call: _Rate | None = None


class LinkTable(Settings):
    """`[[link]]`: two places, and the pipes between them."""

    name: Name
    ends: Annotated[tuple[str, str], Field()]
    pipes: Annotated[tuple[str, ...], Field(max_length=2)] = ()


def bandwidth_policy(
    table: BandwidthTable | None, subzones: tuple[SubzoneTable, ...], pipes: tuple[PipeTable, ...],
    links: tuple[LinkTable, ...], zones: Collection[str],
) -> BandwidthPolicy | None:  # fmt: skip
    """As call control takes it; `None` when the file has nothing of it. `zones` are the names of the node's zones.

    A place that no link of the file ends at is joined to the default subzone, without a limit. Raises `Refused`.
    """
    if table is None and not (subzones or pipes or links):
        return None
    table = table or BandwidthTable()
    places = {each.name: Place(each.name, each.total, each.within, each.across) for each in subzones}
    if len(places) < len(subzones):
        raise Refused("a subzone occurs twice", "give each its own name")
    for name in (DEFAULT_SUBZONE, DEFAULT_ZONE, *zones):
        places.setdefault(name, Place(name))
    for link in links:
        for end in link.ends:
            if end not in places:
                remedy = did_you_mean(end, places, plural="places")
                raise Refused(f'link {link.name}: there is no place "{end}"', remedy)
    ends = {end for link in links for end in link.ends} | {DEFAULT_SUBZONE}
    joined = [Link(f"{name} (automatic)", (name, DEFAULT_SUBZONE)) for name in places if name not in ends]
    policy = BandwidthPolicy(
        tuple(places.values()),
        tuple(Pipe(each.name, each.total, each.per_call) for each in pipes),
        (*(Link(each.name, each.ends, each.pipes) for each in links), *joined),
        table.default_call, table.downspeed_per_call, table.downspeed_total,
    )  # fmt: skip
    try:
        Bandwidth(policy)
    except BandwidthError as error:
        raise Refused(str(error), "correct it there") from None
    return policy


def memberships(tables: tuple[MembershipTable, ...], subzones: tuple[SubzoneTable, ...]) -> tuple[Membership, ...]:
    """As call control takes them. Raises `Refused`."""
    names = {DEFAULT_SUBZONE, *(each.name for each in subzones)}
    for table in tables:
        if table.subzone not in names:
            remedy = did_you_mean(table.subzone, names, plural="subzones")
            raise Refused(f'membership {table.priority}: there is no subzone "{table.subzone}"', remedy)
    return tuple(_membership(each) for each in tables)


def _membership(table: MembershipTable) -> Membership:
    if table.subnet is not None:
        return Membership(table.priority, "subnet", table.subnet, table.subzone)
    return Membership(table.priority, "alias", table.alias or "", table.subzone)
