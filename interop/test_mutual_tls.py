"""OpenSSL's own client at the ports of an edge: client certificates, revoked ones, and certificates by server name."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.identity.ca import issue, revoke
from tests.runtime.rig import EDGE_OUTER, OUTSIDE, message
from tests.runtime.test_supervisor import Nodes, wait
from tests.runtime.test_supervisor import nodes as nodes_fixture  # noqa: F401  # a fixture

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]


@pytest.fixture
def edge(nodes_fixture: Nodes) -> Iterator[Nodes]:  # noqa: F811
    """An edge with a revocation list and a second certificate."""
    tls = nodes_fixture.folder / "tls"
    for name in ("phone", "lost", "meet"):
        issue(tls, name, [f"{name}.example.test"])
    revoke(tls, [tls / "lost.pem"])
    path = nodes_fixture.write("edge1")
    more = 'crl = "tls/crl.pem"\n[[tls.extra]]\ncertificate = "tls/meet.pem"\nkey = "tls/meet.key"\n'
    path.write_text(path.read_text().replace("[[traversal]]", more + "[[traversal]]", 1))
    path.write_text(path.read_text() + '[log]\nfile = "edge1.log"\n')
    nodes_fixture.ready("edge1", nodes_fixture.start(path))
    yield nodes_fixture


def client(
    folder: Path, port: int, certificate: str | None, *more: str, name: str = "edge1.example.test"
) -> tuple[int, str]:
    """`openssl s_client` that sends one OPTIONS; its status and all that it printed."""
    tls = folder / "tls"
    command = ["openssl", "s_client", "-connect", f"{EDGE_OUTER}:{port}", "-bind", f"{OUTSIDE}:0"]
    command += ["-CAfile", str(tls / "ca.pem"), "-verify_return_error", "-servername", name, "-verify_hostname", name]
    command += ["-quiet", "-no_ign_eof", *more]
    if certificate is not None:
        command += ["-cert", str(tls / f"{certificate}.pem"), "-key", str(tls / f"{certificate}.key")]
    request = message().replace(b"x@example.test SIP", b"example.test SIP")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
            said = b""
            while b"Content-Length: 0\r\n\r\n" not in said:
                more_said = process.stdout.read1(4096)  # type: ignore[attr-defined]
                if not more_said:
                    break
                said += more_said
            process.stdin.close()
        except BrokenPipeError:
            said = process.stdout.read()
        status = process.wait(5)
    return status, said.decode("latin-1")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_the_mutual_port_wants_a_certificate_that_is_not_revoked(edge: Nodes, version: str) -> None:
    _, said = client(edge.folder, 5062, "phone", version)
    assert "SIP/2.0 200 OK" in said, said
    for certificate, reason in ((None, "the peer shows no certificate"), ("lost", "it has been revoked")):
        _, said = client(edge.folder, 5062, certificate, version)
        assert "SIP/2.0 " not in said, said
        log = edge.folder / "edge1.log"
        wait(lambda: reason in log.read_text())  # noqa: B023  # called at once
    _, said = client(edge.folder, 5061, None, version)
    assert "SIP/2.0 200 OK" in said, said


def test_the_server_name_chooses_the_certificate(edge: Nodes) -> None:
    for name in ("edge1.example.test", "meet.example.test"):
        _, said = client(edge.folder, 5062, "phone", name=name)
        assert "SIP/2.0 200 OK" in said, said
    status, said = client(edge.folder, 5062, "phone", name="other.example.test")
    assert status != 0 and "SIP/2.0 " not in said


def test_old_versions_of_tls_are_refused(edge: Nodes) -> None:
    status, said = client(edge.folder, 5061, None, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    assert status != 0 and "SIP/2.0 " not in said


def test_access_rules_look_at_the_certificate(nodes_fixture: Nodes) -> None:  # noqa: F811
    """Who is let in by its name, who is not, and who has no certificate and is left to the policy of the zone."""
    tls = nodes_fixture.folder / "tls"
    for name in ("phone", "meet"):
        issue(tls, name, [f"{name}.example.test"])
    access = '[[default_zone.access]]\npriority = 1\ntype = "prefix"\npattern = "PHONE."\n'
    path = nodes_fixture.write("edge1", extra=access)
    nodes_fixture.ready("edge1", nodes_fixture.start(path))
    for port, certificate, answer in (
        (5062, "phone", "200 OK"),
        (5062, "meet", "403 Forbidden"),
        (5061, None, "200 OK"),
    ):
        _, said = client(nodes_fixture.folder, port, certificate)
        assert f"SIP/2.0 {answer}" in said, said
