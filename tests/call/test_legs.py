"""Which rows media takes towards a zone."""

from __future__ import annotations

from dataclasses import replace

from seaway.call.config import NeighbourZone
from seaway.call.legs import Legs
from seaway.call.zones import Zone
from seaway.core.sip.io import Hop
from tests.support.nodes import config


def test_media_to_another_core_takes_the_row_of_clusters_and_knocks() -> None:
    """Two relays that learn where the other is from its packets would wait for ever."""
    other = NeighbourZone("core2", ("10.0.1.11",), 5061, "tls", verify_name="core2.example.test", peer_node=True)
    manager = NeighbourZone("manager", ("10.0.1.30",), 5060, "tcp")
    legs = Legs(replace(config(), neighbours=(other, manager)))
    hop = Hop("tls", "10.0.1.11", 5061, "inner")
    leg = legs.towards(Zone("core2", "neighbour"), hop)
    assert (leg.kind, leg.nic, leg.rows, leg.knocks) == ("plain", "inner", ("T10-03", "T10-03"), True)
    leg = legs.towards(Zone("manager", "neighbour"), hop)
    assert (leg.rows, leg.knocks) == (("Y01-06", "Y01-07"), False)
