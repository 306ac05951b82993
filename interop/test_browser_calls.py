"""A browser has a call with a phone inside: SIP over WebSocket, ICE, DTLS-SRTP, rtcp-mux outside, RTP inside."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interop.browser import Browser
from interop.conftest import WEB_USER, lab_name, wait_for, web_config
from interop.test_restart import _kill
from seaway.lab.accounts import ALICE, BOB
from seaway.lab.dns import DOMAIN
from seaway.lab.firewall import deployment_text
from seaway.lab.phones.baresip import Baresip
from seaway.lab.session import Session
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop

_HERE = Path(__file__).parent
_PORT = 8000  # of the page, on loopback of its host
_TONE = 530  # Hz, of the page; the phone has another


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The edge has encryption and ICE outside, and media in clear inside."""
    text = deployment_text("dual").replace("\n[hosts]", "\n[sip]\nedge_wss = true\n[ports]\nsip_wss = 5063\n\n[hosts]")
    with Stage.in_namespaces(lab_name("browser"), "dual", text, engine="userspace") as stage:
        edge = stage.pair.config("edge1")
        inside = 'name = "pair"\nmedia_encryption = "force-unencrypted"'
        outside = '\n[local_zone]\nmedia_encryption = "force-encrypted"\nice = true\n'
        edge.write_text(edge.read_text().replace('name = "pair"', inside, 1) + outside + web_config())
        stage.pair.start()
        assert stage.pair.wait_zone(10.0), stage.pair.crash_report()
        yield stage
        stage.pair.stop()


@pytest.fixture(scope="module")
def bob(stage: Stage) -> Iterator[Baresip]:
    session: Session = stage.session()
    try:
        session.phone(BOB).launch()
        assert session.registered("bob")
        yield session.phones["bob"]
    finally:
        session.close()


@pytest.fixture(scope="module")
def browser(stage: Stage) -> Iterator[Browser]:
    """Behind the home router, registered at the edge."""
    assert stage.network is not None
    net = stage.network
    command = [sys.executable, "-m", "http.server", str(_PORT), "--bind", "127.0.0.1", "--directory", str(_HERE)]
    pages = net.start("phone-out", command, net.dir / "pages.log")
    names = {f"edge1.{DOMAIN}": net.plan.edge_public, "page.example.test": "127.0.0.1"}
    try:
        made = Browser(net, "phone-out", net.dir / "tls" / "edge1.pem", names)
        try:
            made.load(f"http://page.example.test:{_PORT}/websip.html")
            name, password = WEB_USER
            assert made.call("register", f"wss://edge1.{DOMAIN}:5063/", name, password, DOMAIN)["status"] == 200
            yield made
        finally:
            made.close()
    finally:
        pages.terminate()
        pages.wait(5)


def _sound_both_ways(stage: Stage, browser: Browser, bob: Baresip) -> None:
    """Two seconds of it, as the browser, the phone and the edge tell."""
    wait_for(lambda: browser.call("measured")["dtls"] == "connected", 5.0, "no DTLS")
    before = browser.call("measured")
    time.sleep(2.0)
    after: dict[str, Any] = browser.call("measured")
    assert after["sent"] - before["sent"] > 60 and after["received"] - before["received"] > 60, (before, after)
    assert after["energy"] > before["energy"], "what the browser hears is silence"
    heard = bob.heard(_TONE)
    assert heard is not None and heard.tone > 0.8, heard
    (row,) = stage.pair.status("edge1", "media")
    stream = row["streams"][0]
    assert {stream[each]["security"].partition(" ")[0] for each in ("from_a", "from_b")} == {"dtls", "rtp"}
    assert all(stream[each]["packets"] > 60 for each in ("from_a", "from_b")), stream


def test_a_browser_calls_a_phone(stage: Stage, browser: Browser, bob: Baresip) -> None:
    mark = bob.mark()
    called = browser.call("callWithSound", f"sip:{BOB.name}@{DOMAIN}", "balanced")
    assert called["statuses"][-1] == 200 and "a=ice-lite" in called["sdp"] and "a=rtcp-mux" in called["sdp"], called
    assert bob.wait("CALL_ESTABLISHED", since=mark, patience=5.0)
    _sound_both_ways(stage, browser, bob)
    assert browser.call("restartIce") == 200
    _sound_both_ways(stage, browser, bob)
    _kill(stage, "edge1", "relay")  # its successor goes on with keys, pair and credential
    time.sleep(1.0)
    _sound_both_ways(stage, browser, bob)
    wait_for(lambda: browser.call("measured")["reports"], 6.0, "no RTCP from the phone came to the browser")
    assert browser.call("hangUp") == 200
    assert bob.wait("CALL_CLOSED", since=mark, patience=5.0)
    browser.call("endSound")


def test_a_phone_calls_a_browser(stage: Stage, browser: Browser, bob: Baresip) -> None:
    browser.call("answerWithSound", "max-bundle")
    mark = bob.mark()
    bob.dial(f"sip:{WEB_USER[0]}@{DOMAIN}")
    assert bob.wait("CALL_ESTABLISHED", since=mark, patience=8.0), bob.tail()
    assert browser.call("answered") is True
    _sound_both_ways(stage, browser, bob)
    bob.command("hold")  # offers of the relay in the dialog
    time.sleep(0.3)
    bob.command("resume")
    time.sleep(0.5)
    assert browser.call("offers") == 3
    _sound_both_ways(stage, browser, bob)
    assert browser.call("hangUp") == 200
    assert bob.wait("CALL_CLOSED", since=mark, patience=5.0)
    browser.call("endSound")


def test_an_aiortc_peer_calls_a_phone(stage: Stage, bob: Baresip) -> None:
    """Behind the home router as well: all its candidates are of its own network."""
    assert stage.network is not None
    plan = stage.network.plan
    mark = bob.mark()
    command = [plan.edge_public, "5061", f"edge1.{DOMAIN}", str(stage.pair.ca()), ALICE.name, ALICE.password, DOMAIN]
    command += [f"sip:{BOB.name}@{DOMAIN}", str(_TONE)]
    output = stage.network.run("phone-out", ["timeout", "20", sys.executable, str(_HERE / "aiortc_phone.py"), *command])
    found = json.loads(output.strip().splitlines()[-1])
    assert (found["registered"], found["status"], found.get("bye")) == (200, 200, 200), found
    assert found["state"] == "connected" and found["loud"] >= 75, found
    assert bob.wait("CALL_CLOSED", since=mark, patience=5.0)
    heard = bob.heard(_TONE)
    assert heard is not None and heard.tone > 0.8, heard
