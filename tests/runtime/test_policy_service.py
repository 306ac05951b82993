"""Questions to a policy service over HTTPS, asked of the HTTP server of the standard library."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from seaway.call.events import AskPolicy
from seaway.catalog.deployment import parse_deployment
from seaway.catalog.resolve import resolve
from seaway.identity.ca import create_authority, issue
from seaway.observe.counters import Counters
from seaway.policy.service import ServiceSettings
from seaway.runtime.driver import Driver
from seaway.runtime.policy_service import PolicyService, service_address
from seaway.runtime.sockets import Sockets
from tests.runtime.rig import DEPLOYMENT, NET, EchoCore, run, until

HOST, PORT = f"{NET}.1.30", 8443
NAME = "policy.example.test"
SCRIPT = b"<cpl><incoming><reject status='busy'/></incoming></cpl>"
TEXT = DEPLOYMENT.replace("sip_calls = true\n", "sip_calls = true\ncall_policy = true\n", 1).replace(
    "[hosts]\n", f'[ports]\ncall_policy = {PORT}\n[hosts]\npolicy_server = ["{HOST}"]\n'
)


class Server:
    """One HTTPS server; `answer` is (status, body), `seen` what it was asked."""

    def __init__(self, folder: Path, name: str) -> None:
        self.answer: tuple[int, bytes] = (200, SCRIPT)
        self.seen: list[tuple[str, dict[str, list[str]], str]] = []
        self.hold = threading.Event()
        self.hold.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
                outer.seen.append((self.path, form, self.headers.get("Authorization", "")))
                outer.hold.wait(5)
                status, body = outer.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None: ...

        self._server = ThreadingHTTPServer((HOST, PORT), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*issue(folder, "policy", [name]))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    create_authority(tmp_path)
    made: list[Server] = []

    def make(name: str = NAME) -> Server:
        made.append(Server(tmp_path, name))
        return made[-1]

    yield make
    for each in made:
        each.close()


def ask(folder: Path, during: Callable[[], None] = lambda: None, **changes: Any) -> tuple[bytes | None, str]:
    """One question; what call control hears."""
    heard: list[tuple[int, bytes | None, str]] = []
    settings = ServiceSettings(f"https://{NAME}:{PORT}/check?v=1", "seaway", "canary", **changes)

    async def main() -> None:
        parsed = parse_deployment(TEXT)
        driver = Driver(EchoCore(), Counters())
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))

        async def addresses(name: str) -> tuple[str, ...]:
            assert name == NAME
            return (HOST,)

        def answered(token: int, body: bytes | None, problem: str, now: float) -> None:
            heard.append((token, body, problem))

        sockets = Sockets(resolve(parsed), "core1")
        service = PolicyService(settings, sockets, driver, context, addresses, answered)
        service.ask(AskPolicy(7, {"ALIAS": "sip:bob@example.test", "EMPTY": ""}))
        during()
        await until(lambda: bool(heard))
        service.close()
        driver.stop()

    run(main)
    assert len(heard) == 1 and heard[0][0] == 7
    return heard[0][1:]


def test_an_answer(server: Callable[..., Server], tmp_path: Path) -> None:
    made = server()
    assert ask(tmp_path) == (SCRIPT, "")
    path, form, login = made.seen[0]
    assert path == "/check?v=1"
    assert form == {"ALIAS": ["sip:bob@example.test"], "EMPTY": [""]}
    assert login == "Basic c2Vhd2F5OmNhbmFyeQ=="


@pytest.mark.parametrize(
    ("answer", "problem"), [((503, b""), "it answers 503"), ((200, b"x" * 1_000_001), "longer than 1000000")]
)
def test_no_answer_to_use(
    server: Callable[..., Server], tmp_path: Path, answer: tuple[int, bytes], problem: str
) -> None:
    server().answer = answer
    body, said = ask(tmp_path)
    assert body is None
    assert problem in said


def test_a_service_that_hangs(server: Callable[..., Server], tmp_path: Path) -> None:
    server().hold.clear()
    assert ask(tmp_path, timeout=0.2) == (None, "no answer in 0.2 s")


def test_a_certificate_of_somebody_else(server: Callable[..., Server], tmp_path: Path) -> None:
    made = server("other.example.test")
    body, said = ask(tmp_path)
    assert body is None
    assert "certificate was refused" in said
    assert not made.seen


def test_nobody_there(tmp_path: Path) -> None:
    create_authority(tmp_path)
    body, said = ask(tmp_path)
    assert body is None
    assert "refused" in said


@pytest.mark.parametrize(
    "url", ["http://a.example/", "https:///x", "https://user@a.example/", "https://a.example:99999/", "ftp://a", ""]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="is no URL"):
        service_address(url)


def test_address() -> None:
    assert service_address("https://a.example/x?y=1") == ("a.example", 443, "/x?y=1")
    assert service_address("https://a.example:8443") == ("a.example", 8443, "/")
