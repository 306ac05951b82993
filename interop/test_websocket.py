"""A browser speaks SIP over its own WebSocket: registers at the edge, calls a phone inside and is called by it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.browser import Browser
from interop.conftest import WEB_USER, wait_for
from seaway.lab.accounts import BOB
from seaway.lab.dns import DOMAIN
from seaway.lab.session import Session
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop

_HERE = Path(__file__).parent
_PORT = 8000  # of the page, on loopback of its host
_URL = "wss://edge1.example.test:5063/"


@pytest.fixture(scope="module")
def browser(stage: Stage) -> Iterator[Browser]:
    """Behind the home router, with the page loaded from an origin that the edge allows."""
    assert stage.network is not None
    net = stage.network
    command = [sys.executable, "-m", "http.server", str(_PORT), "--bind", "127.0.0.1", "--directory", str(_HERE)]
    pages = net.start("phone-out", command, net.dir / "pages.log")
    names = {f"edge1.{DOMAIN}": net.plan.edge_public, "page.example.test": "127.0.0.1", "evil.test": "127.0.0.1"}
    try:
        made = Browser(net, "phone-out", net.dir / "tls" / "edge1.pem", names)
        try:
            made.load(f"http://page.example.test:{_PORT}/websip.html")
            yield made
        finally:
            made.close()
    finally:
        pages.terminate()
        pages.wait(5)


def test_a_browser_registers_and_calls(stage: Stage, browser: Browser, phones: Session) -> None:
    name, password = WEB_USER
    found = browser.call("register", _URL, name, password, DOMAIN)
    assert found == {"protocol": "sip", "status": 200}
    (row,) = [each for each in stage.pair.status("edge1", "registrations") if each["user"] == f"{name}@{DOMAIN}"]
    assert row["via"].endswith("/wss") and row["row"] == "Y11-01" and ".invalid" in row["contact"]
    assert browser.call("options", f"sip:{DOMAIN}") == 200
    assert browser.call("keepAlive") is True

    bob = phones.phones[BOB.name]
    mark = bob.mark()
    called = browser.call("call", f"sip:{BOB.name}@{DOMAIN}")
    assert called["statuses"][-1] == 200 and "m=audio" in called["sdp"], called
    assert bob.wait("CALL_ESTABLISHED", since=mark, patience=5.0)
    assert browser.call("hangUp") == 200
    assert bob.wait("CALL_CLOSED", since=mark, patience=5.0)

    mark = bob.mark()
    bob.dial(f"sip:{name}@{DOMAIN}")
    assert bob.wait("CALL_ESTABLISHED", since=mark, patience=8.0)
    assert browser.call("answered") is True
    assert browser.call("hangUp") == 200
    assert bob.wait("CALL_CLOSED", since=mark, patience=5.0)
    wait_for(lambda: not stage.pair.status("edge1", "calls"), 5.0, "a call does not end")


def test_other_origins_and_protocols_are_refused(browser: Browser) -> None:
    assert browser.call("tryTo", _URL, "sip") == "open"
    assert browser.call("tryTo", _URL) == "closed 1006"
    assert browser.call("tryTo", _URL, "xmpp") == "closed 1006"
    browser.load(f"http://evil.test:{_PORT}/websip.html")
    assert browser.call("tryTo", _URL, "sip") == "closed 1006"
