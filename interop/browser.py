"""A headless Chromium in a host of the lab, driven by chromedriver over its plain HTTP interface (W3C WebDriver)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from seaway.lab.errors import LabError
from seaway.lab.inside import connect
from seaway.lab.network import Network

__all__ = ["Browser"]

_PORT = 9515


class Browser:
    """`trusted`: a certificate that is accepted although its CA is the lab's. `names`: host name -> address."""

    def __init__(self, network: Network, host: str, trusted: Path, names: dict[str, str]) -> None:
        self._network = network
        self._host = host
        self._profile = network.dir / f"chromium-{host}"
        self._driver = network.start(host, ["chromedriver", f"--port={_PORT}"], network.dir / "chromedriver.log")
        self._session = ""
        try:
            self._open(trusted, names)
        except BaseException:
            self.close()
            raise

    def _open(self, trusted: Path, names: dict[str, str]) -> None:
        limit = time.monotonic() + 15
        while True:
            with contextlib.suppress(OSError, LabError):
                if self._ask("GET", "/status")["ready"]:
                    break
            if time.monotonic() > limit:
                raise LabError("chromedriver does not start", self._host)
            time.sleep(0.05)
        # Everything else is not found at once: the start page would wait for a name server that the lab does not have.
        rules = ", ".join([*(f"MAP {name} {address}" for name, address in names.items()), "MAP * ~NOTFOUND"])
        arguments = [
            "--headless=new",
            "--no-sandbox",  # as root there is none
            "--disable-gpu",
            "--no-proxy-server",
            "--disable-dev-shm-usage",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            "--autoplay-policy=no-user-gesture-required",
            f"--user-data-dir={self._profile}",
            f"--ignore-certificate-errors-spki-list={_pin(trusted)}",
            f"--host-resolver-rules={rules}",
        ]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}}
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}}, patience=30)
        self._session = f"/session/{made['sessionId']}"
        self._ask("POST", f"{self._session}/timeouts", {"script": 30000, "pageLoad": 15000})

    def load(self, url: str) -> None:
        self._ask("POST", f"{self._session}/url", {"url": url}, patience=20)

    def call(self, function: str, *arguments: str) -> Any:
        """The value of an asynchronous function of the page. Raises LabError with the page's own error."""
        script = (
            "const [name, given, done] = arguments;"
            "window[name](...given).then((value) => done({ value }), (error) => done({ error: String(error) }));"
        )
        body = {"script": script, "args": [function, list(arguments)]}
        answer = self._ask("POST", f"{self._session}/execute/async", body, patience=40)
        if "error" in answer:
            raise LabError(answer["error"], "page")
        return answer["value"]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, *, patience: float = 5.0) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", _PORT)
        connection.sock = connect(self._network.namespace(self._host), ("127.0.0.1", _PORT), patience)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "stacktrace" in value:
            raise LabError(f"{value['error']}: {value['message'][:300]}", "chromedriver")
        return value

    def close(self) -> None:
        if self._session:
            with contextlib.suppress(OSError, LabError):
                self._ask("DELETE", self._session, patience=10)
        self._driver.terminate()
        try:
            self._driver.wait(5)
        except subprocess.TimeoutExpired:
            self._driver.kill()
            self._driver.wait()


def _pin(certificate: Path) -> str:
    """SHA-256 of the public key, as Chromium wants it."""
    key = load_pem_x509_certificate(certificate.read_bytes()).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()
