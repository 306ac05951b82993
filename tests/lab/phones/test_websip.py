"""The WebSocket client's credentials, judged by the library that the nodes use."""

from __future__ import annotations

import re
from pathlib import Path

from seaway.identity.digest import Authenticator, Credentials, Verdict, ha1
from seaway.lab.phones.websip import WebPhone

_PHONE = WebPhone("web", "secret", "example.test", "edge1.example.test", ("192.0.2.1", 7443), Path("ca.pem"))


def _credentials(line: str) -> Credentials:
    assert line.startswith("Authorization: Digest ") and line.endswith("\r\n")
    found = dict(re.findall(r'(\w+)="?([^",\r]*)"?', line.removeprefix("Authorization: Digest ")))
    return Credentials.from_parameters(found)


def test_credentials_are_those_of_the_password() -> None:
    door = Authenticator("example.test", b"k" * 32, algorithms=("MD5",))
    (challenge,) = door.challenges("192.0.2.9", 1.0)
    given = _credentials(_PHONE._credentials(f"WWW-Authenticate: {challenge}", "example.test"))
    assert door.verify(given, "REGISTER", {"MD5": ha1("MD5", "web", "example.test", "secret")}, "192.0.2.9", 1.5) is (
        Verdict.ACCEPTED
    )
    assert door.verify(given, "REGISTER", {"MD5": ha1("MD5", "web", "example.test", "else")}, "192.0.2.9", 1.5) is not (
        Verdict.ACCEPTED
    )


def test_a_request_is_whole() -> None:
    text = _PHONE._request("abc", 2, "X: y\r\n")
    head, end = text.split("\r\n\r\n")
    assert end == "" and head.startswith("REGISTER sip:example.test SIP/2.0\r\n")
    assert (
        "CSeq: 2 REGISTER" in head and "\r\nX: y\r\n" in head and "Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bK" in head
    )
