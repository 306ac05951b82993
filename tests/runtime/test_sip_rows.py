"""Rows of trunks and clusters: sockets that several rows share, and the row by which a peer comes or is dialled."""

from __future__ import annotations

import socket

import pytest

from seaway.catalog.deployment import parse_deployment
from seaway.catalog.load import load_catalog
from seaway.catalog.model import Transport
from seaway.catalog.resolve import Resolution, resolve
from seaway.runtime.admission import Admission
from seaway.runtime.sip_rows import SIP_DIAL_ROWS, SIP_LISTENER_ROWS, SIP_UDP_ROWS
from seaway.runtime.sockets import SocketError, Sockets
from tests.runtime.rig import CORE, DEPLOYMENT, EDGE_OUTER, INSIDE, OUTSIDE
from tests.runtime.test_control_config import ZONE, build

_NET = INSIDE.rsplit(".", 1)[0]
_MANAGER, _BRIDGE, _OTHER = (f"{_NET}.{last}" for last in (30, 35, 11))

_TRUNKS = DEPLOYMENT.replace("sip_calls = true\n", "sip_calls = true\nsip_edge = true\nms_point_to_point = true\n")
_TRUNKS = _TRUNKS.replace("[hosts]\n", f'[hosts]\nunified_cm = ["{_MANAGER}"]\nmeeting_server = ["{_BRIDGE}"]\n')
_TRUNKS = _TRUNKS.replace(f'sip_endpoint = ["{_NET}.0/24"]', f'sip_endpoint = ["{INSIDE}"]')
_TRUNKS += '[rows]\non = ["T25-02", "T27-03", "T27-06", "T27-08"]\n'

_CLUSTER = DEPLOYMENT.replace("sip_calls = true\n", "sip_calls = true\ncluster_sip = true\n") + (
    f'[[node]]\nname = "core2"\nrole = "core"\nfqdn = "core2.example.test"\nnic.inner.address = "{_OTHER}/24"\n'
)


def _resolved(text: str) -> Resolution:
    return resolve(parse_deployment(text))


def _dialled(text: str, remote: tuple[str, int], nic: str = "inner", node: str = "core1") -> str:
    return Sockets(_resolved(text), node).choose(SIP_DIAL_ROWS, Transport.TCP, remote, nic)


def test_the_listed_rows_exist_and_those_of_single_peers_come_first() -> None:
    order = [each.id for each in load_catalog().all]
    for rows in (SIP_DIAL_ROWS, SIP_LISTENER_ROWS, SIP_UDP_ROWS):
        for row in rows:
            assert row in order
    assert max(map(SIP_DIAL_ROWS.index, ("T10-02", "T18-03", "T25-03", "T27-06"))) < SIP_DIAL_ROWS.index("T11-03")


def test_trunks_and_phones_share_the_listeners_of_the_core() -> None:
    found = {(each.transport, each.address[1]): each.rows for each in build("core1", deployment=_TRUNKS).listeners}
    assert found == {
        ("udp", 5060): ("Y01-01", "T11-02", "T25-02"),
        ("tcp", 5060): ("T27-08", "Y01-02"),
        ("tls", 5061): ("T27-07", "Y01-03"),
    }


@pytest.mark.parametrize(
    ("remote", "port", "row"),
    [(_MANAGER, 5060, "T27-08"), (INSIDE, 5060, "Y01-02"), (_MANAGER, 5061, "T27-07"), (INSIDE, 5061, "Y01-03")],
)
def test_an_accepted_connection_has_the_row_of_its_peer(remote: str, port: int, row: str) -> None:
    rows = ("T27-08", "Y01-02") if port == 5060 else ("T27-07", "Y01-03")
    assert Sockets(_resolved(_TRUNKS), "core1").row_of(rows, Transport.TCP, (remote, 40000), nic="inner") == row


def test_a_datagram_has_the_row_of_its_peer() -> None:
    rows = ("Y01-01", "T11-02", "T25-02")
    sockets = Sockets(_resolved(_TRUNKS), "core1")
    assert sockets.row_of(rows, Transport.UDP, (INSIDE, 5060), nic="inner") == "Y01-01"
    assert sockets.row_of(rows, Transport.UDP, (_BRIDGE, 5060), nic="inner") == "T25-02"
    assert sockets.row_of(rows, Transport.UDP, (OUTSIDE, 5060), nic="inner") == "Y01-01"  # nobody's: the first


@pytest.mark.parametrize(
    ("remote", "row"),
    [
        ((_MANAGER, 5061), "T27-05"),
        ((_MANAGER, 5060), "T27-06"),
        ((_BRIDGE, 5061), "T25-03"),
        ((_BRIDGE, 5060), "T27-03"),
        ((INSIDE, 5061), "T11-03"),
    ],
)
def test_a_trunk_is_dialled_by_its_own_row(remote: tuple[str, int], row: str) -> None:
    assert _dialled(_TRUNKS, remote) == row


def test_a_trunk_has_no_other_ports() -> None:
    for remote in ((_MANAGER, 5070), (_BRIDGE, 8443)):
        with pytest.raises(SocketError, match="no catalog row allows this destination"):
            _dialled(_TRUNKS, remote)


def test_trunk_rows_are_closed_until_they_are_asked_for() -> None:
    plain = _TRUNKS.replace('[rows]\non = ["T25-02", "T27-03", "T27-06", "T27-08"]\n', "")
    for remote in ((_MANAGER, 5060), (_BRIDGE, 5060)):
        with pytest.raises(SocketError):
            _dialled(plain, remote)
    assert ("tcp", 5060, ("Y01-02",)) in [
        (each.transport, each.address[1], each.rows) for each in build("core1", deployment=plain).listeners
    ]


def test_callers_of_a_meeting_server_come_to_the_ports_of_the_edge() -> None:
    """Also where endpoints of SIP calls are not served; else both rows are one connection."""
    for service, rows in (
        ("sip_edge", {"T25-04", "T25-05"}),
        ("sip_edge_ms", {"T26-03", "T26-04"}),
        ("ms_point_to_point", {"T27-04"}),
    ):
        alone = _TRUNKS.replace("sip_calls = true\nsip_edge = true\nms_point_to_point = true\n", f"{service} = true\n")
        found = build("edge1", "", alone).listeners
        assert {each.row for each in found if each.address[0] == EDGE_OUTER} == rows
    both = [each for each in build("edge1", ZONE, _TRUNKS).listeners if each.address == (EDGE_OUTER, 5061)]
    assert [each.rows for each in both] == [("T11-07",)]


def test_the_meeting_server_is_called_over_udp_from_the_port_of_sip() -> None:
    """Where no listener has it, the port is opened to send from."""
    alone = _TRUNKS.replace("sip_calls = true\n", "")
    (found,) = [each for each in build("core1", "", alone).listeners if each.transport == "udp"]
    assert (found.row, found.address) == ("T25-02", (CORE, 5060))
    with Sockets(_resolved(alone), "core1").udp(found.rows, "inner", 5060) as made:
        assert made.type == socket.SOCK_DGRAM and made.entry.rows == ("T25-02",)


def test_the_other_core_has_rows_of_its_own() -> None:
    """It lies in the network of the phones, but a row about other hosts does not mean our nodes."""
    assert _dialled(_CLUSTER, (_OTHER, 5061)) == "T10-02"
    with pytest.raises(SocketError):
        _dialled(_CLUSTER, (_OTHER, 5060))
    (shared,) = [each for each in build("core1", deployment=_CLUSTER).listeners if each.address[1] == 5061]
    assert shared.rows == ("T10-02", "Y01-03") and shared.transport == "tls"
    sockets = Sockets(_resolved(_CLUSTER), "core1")
    assert sockets.row_of(shared.rows, Transport.TCP, (_OTHER, 26000), nic="inner") == "T10-02"
    assert sockets.row_of(shared.rows, Transport.TCP, (INSIDE, 26000), nic="inner") == "Y01-03"


def test_media_between_cores_has_its_row() -> None:
    admitted = Admission(_resolved(_CLUSTER), "core1")
    for incoming in (True, False):
        assert admitted((CORE, 40000), (_OTHER, 40002), incoming) == "T10-03"
    assert str(admitted((CORE, 40000), (INSIDE, 40002), False)).startswith("Y01-")


def test_a_neighbour_that_is_another_core_is_known_as_one() -> None:
    def peers(text: str) -> list[bool]:
        zones = "".join(
            f'[[neighbour]]\nname = "n{number}"\naddresses = ["{each}"]\ntransport = "tcp"\n'
            for number, each in enumerate((_OTHER, _MANAGER))
        )
        return [each.peer_node for each in build("core1", ZONE + zones, text).neighbours]

    assert peers(_CLUSTER) == [True, False]
    assert peers(_CLUSTER.replace("cluster_sip = true\n", "")) == [False, False]
