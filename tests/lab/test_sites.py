"""The further sites of the proof: their rows resolve in each variant, and no packet of theirs has two rows."""

from __future__ import annotations

from typing import get_args

import pytest

from seaway.catalog.deployment import parse_deployment
from seaway.catalog.overlaps import overlaps
from seaway.catalog.resolve import resolve
from seaway.lab.expectations import EXPECTED
from seaway.lab.plan import Variant
from seaway.lab.plan6 import network_plan
from seaway.lab.sites import Site
from seaway.lab.trunks import TRUNKS
from seaway.lab.ways import WAYS

SITES = pytest.mark.parametrize("site", [WAYS, TRUNKS], ids=["ways", "trunks"])


@SITES
@pytest.mark.parametrize("variant", get_args(Variant))
def test_every_row_of_a_site_resolves_and_is_unambiguous(site: Site, variant: Variant) -> None:
    resolution = resolve(parse_deployment(site.deployment(variant), "site"))
    assert {each.id for each in resolution.rows} >= site.rows
    for pair in overlaps(resolution):
        assert not {each.row.id for each in pair} & site.rows


@SITES
def test_each_row_breaks_what_the_proof_expects(site: Site) -> None:
    for row, feature in {**site.kept, **site.fresh}.items():
        assert EXPECTED[row] == {feature}


@SITES
def test_every_phone_is_a_user_of_its_own_at_a_host_of_the_lab(site: Site) -> None:
    assert len({each.name for each in site.users}) == len(site.users)
    for user in site.users:
        assert network_plan("dual").host(user.host)


def test_the_far_ends_of_trunks_are_where_the_deployment_says() -> None:
    deployment = parse_deployment(TRUNKS.deployment("dual"), "trunks")
    for entity, host in (("unified_cm", "cm"), ("meeting_server", "bridge")):
        assert [str(each.network_address) for each in deployment.hosts[entity]] == [
            network_plan("dual").host(host).address
        ]
    assert str(deployment.node("core2").nic.inner.address.ip) == network_plan("dual").host("core2").address
