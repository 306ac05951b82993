"""A pair without any IPv4: a call of two SIPp over it, and TURN. What assumes an IPv4 address somewhere breaks here."""

from __future__ import annotations

import re

import pytest

from interop.conftest import Peers, lab_name, wait_for
from seaway.lab.accounts import CAROL, DAVE
from seaway.lab.firewall import deployment_text
from seaway.lab.pair import NODES
from seaway.lab.relaying import ECHO_PORT, client_command, outcome_of
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop


def ipv6_only() -> str:
    """The dual-stack deployment without its IPv4 addresses."""
    text = re.sub(r"^address = .*\n", "", deployment_text("dual-stack"), flags=re.M)
    text = re.sub(r'"\d+\.\d+\.\d+\.\d+(/\d+)?", ', "", text)
    assert not re.search(r'"\d+\.\d+\.\d+\.\d+', text)
    return text.replace("\n[hosts]", "\n[sip]\nedge_tcp = true\n[hosts]")


def test_calls_and_turn_without_ipv4() -> None:
    with Stage.in_namespaces(lab_name("only6"), "dual-stack", ipv6_only()) as site:
        assert site.network is not None
        net, plan = site.network, site.network.plan
        site.pair.start()
        assert site.pair.wait_zone(10.0), site.pair.crash_report()
        host = plan.host("scanner").address6
        echo = net.start("scanner", ["turnutils_peer", "-L", host, "-p", str(ECHO_PORT)], net.dir / "echo.log")
        wait_for(lambda: str(ECHO_PORT) in net.run("scanner", ["ss", "-Huln"]), 5.0, "turnutils_peer is not there")
        log = net.dir / "turn.log"
        client = net.start("peer-out", client_command(plan.edge_public6, host, "-x", "-c"), log)
        peers = Peers(site, 6)
        try:
            sipp = peers.sipp(DAVE, "udp")
            waiting = sipp.answer(milliseconds=3500)
            peers.wait_registered(DAVE, "udp")
            peers.sipp(CAROL, "tcp").call("dave", milliseconds=1500)
            sipp.finish(waiting, "answer")
            peers.wait_idle()
            for node in NODES:
                (row,) = site.pair.status(node, "history")
                assert all(":" in address for stream in row["streams"] for address, _ in stream.values())
                assert min(row["media"][0][way]["packets"] for way in ("from_a", "from_b")) > 50
                (relay,) = site.pair.status(node, "relay")
                assert relay["not_fast"] == 0, "within one family everything is on the fast path"
                places = {each["local"] for each in site.pair.status(node, "sockets")}
                assert places and all(place.startswith("[") for place in places)
            client.wait(15)
            assert outcome_of(log.read_text(errors="replace")).complete, log.read_text()[-500:]
        finally:
            peers.close()
            for process in (client, echo):
                process.terminate()
                process.wait(5)
            site.pair.stop()
