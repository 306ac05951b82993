"""Asks for users over UDP, run inside a lab host: `python probe_users.py HOST USER...`.

Prints a JSON object: for each user, for each kind of request, the answer with what differs for every request masked,
and the milliseconds that each answer took. Kinds: three methods without credentials, and REGISTER with wrong ones.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time

_TIMES = 15
_KINDS = ("REGISTER", "INVITE", "OPTIONS", "wrong")


def _request(method: str, user: str, number: int, local: tuple[str, int], extra: str = "") -> bytes:
    uri = "sip:example.test" if method == "REGISTER" else f"sip:{user}@example.test"
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local[0]}:{local[1]};rport;branch=z9hG4bKp{number}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{user}@example.test>;tag=f{number}\r\nTo: <sip:{user}@example.test>\r\n"
        f"Call-ID: probe-{number}\r\nCSeq: 1 {method}\r\nContact: <sip:x@{local[0]}:{local[1]}>\r\n{extra}"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def _masked(answer: bytes, user: str) -> str:
    """The answer without what is the asker's own or random."""
    text = answer.decode("latin-1").replace(user, "USER")
    mask = r"(nonce=\")[^\"]*|(tag=)[^;\r>]*|(branch=)[^;\r]*"
    return re.sub(mask, lambda found: found[0].partition("=")[0], text)


def main() -> None:
    host, users = sys.argv[1], sys.argv[2:]
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.connect((host, 5060))
    link.settimeout(3.0)
    number = 0

    def ask(method: str, user: str, extra: str = "") -> tuple[bytes, float]:
        nonlocal number
        number += 1
        begin = time.perf_counter()
        link.send(_request(method, user, number, link.getsockname(), extra))
        while True:
            answer = link.recv(65535)
            if b"Call-ID: probe-%d\r\n" % number in answer and not answer.startswith(b"SIP/2.0 1"):
                return answer, 1000 * (time.perf_counter() - begin)

    found: dict[str, dict[str, object]] = {user: {} for user in users}
    for kind in _KINDS:
        taken: dict[str, list[float]] = {user: [] for user in users}
        for turn in range(2 if kind == "wrong" else _TIMES):  # by turns, so that noise meets all of them
            for user in users:
                method, extra = kind, ""
                if kind == "wrong":
                    challenge = ask("REGISTER", user)[0].decode()
                    nonce, realm = (re.search(f'{name}="([^"]*)"', challenge)[1] for name in ("nonce", "realm"))  # type: ignore[index]
                    algorithm = "SHA-256" if "SHA-256" in challenge else "MD5"
                    method, digits = "REGISTER", 64 if algorithm == "SHA-256" else 32
                    extra = (
                        f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", '
                        f'uri="sip:example.test", response="{turn:0{digits}x}", algorithm={algorithm}, qop=auth, '
                        'nc=00000001, cnonce="c"\r\n'
                    )
                answer, milliseconds = ask(method, user, extra)
                taken[user].append(milliseconds)
                if turn == 0:
                    found[user][kind] = _masked(answer, user)
        for user in users:
            found[user][f"{kind} ms"] = taken[user]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
