"""A SIP client over WebSocket (RFC 7118) that registers: what a browser does, without the browser.

Opening handshake and frames are those of the `websockets` library's client; messages and digest are written out here,
so that nothing of a node's own code is on this side.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from seaway.lab.inside import connect as connect_inside

__all__ = ["WebPhone"]


@dataclass(frozen=True, slots=True)
class WebPhone:
    """`name` is the node's name in its certificate, `address` where its WebSocket listener is."""

    user: str
    password: str
    domain: str
    name: str
    address: tuple[str, int]
    ca: Path
    namespace: str | None = None

    def register(self, patience: float = 5.0) -> str:
        """The status line of the answer to a registration with credentials, or why there is none."""
        context = ssl.create_default_context(cafile=str(self.ca))
        try:
            sock = connect_inside(self.namespace, self.address, patience)
            uri = f"wss://{self.name}:{self.address[1]}/"
            with connect(
                uri, sock=sock, ssl=context, server_hostname=self.name, subprotocols=[Subprotocol("sip")],
                open_timeout=patience, close_timeout=1.0, proxy=None,
            ) as link:  # fmt: skip
                ours = secrets.token_hex(8)
                link.send(self._request(ours, 1, ""))
                answer = str(link.recv(patience, decode=True))
                challenge = re.search(r'(?im)^WWW-Authenticate:.*realm="([^"]*)".*$', answer)
                if challenge is None:
                    return answer.partition("\r\n")[0]
                link.send(self._request(ours, 2, self._credentials(challenge[0], challenge[1])))
                return str(link.recv(patience, decode=True)).partition("\r\n")[0]
        except (OSError, TimeoutError, WebSocketException) as error:
            return f"{type(error).__name__}: {error}"

    def registered(self, patience: float = 5.0) -> bool:
        return self.register(patience).startswith("SIP/2.0 200")

    def _request(self, ours: str, number: int, more: str) -> str:
        who = f"sip:{self.user}@{self.domain}"
        return (
            f"REGISTER sip:{self.domain} SIP/2.0\r\nVia: SIP/2.0/WSS {ours}.invalid;branch=z9hG4bK{ours}{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: <{who}>;tag={ours}\r\nTo: <{who}>\r\nCall-ID: {ours}\r\n"
            f"CSeq: {number} REGISTER\r\n"
            f"Contact: <sip:{ours}@{ours}.invalid;transport=ws>\r\nExpires: 300\r\n{more}Content-Length: 0\r\n\r\n"
        )

    def _credentials(self, challenge: str, realm: str) -> str:
        """RFC 3261 §22.4 with MD5, the algorithm for which the lab stores its passwords."""
        found = re.search(r'nonce="([^"]*)"', challenge)
        nonce, uri, counted, ours = found[1] if found else "", f"sip:{self.domain}", "00000001", secrets.token_hex(8)
        one = _md5(f"{self.user}:{realm}:{self.password}")
        other = _md5(f"REGISTER:{uri}")
        response = _md5(f"{one}:{nonce}:{counted}:{ours}:auth:{other}")
        opaque = re.search(r'opaque="([^"]*)"', challenge)
        shown = f', opaque="{opaque[1]}"' if opaque else ""
        return (
            f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc={counted}, cnonce="{ours}"{shown}\r\n'
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
