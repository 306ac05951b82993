"""A running node takes new certificates: open connections stay, and a bad file changes nothing."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seaway.identity.ca import create_authority, issue, revoke
from seaway.observe.alarms import TLS_ENDS, TLS_FILES
from seaway.runtime.alarms import AlarmBook
from seaway.runtime.journal import Journal
from seaway.runtime.reloading import TlsKeeper
from seaway.runtime.run_dir import write_anew
from seaway.runtime.tls_settings import Tls
from tests.runtime.rig import DEPLOYMENT, EDGE_OUTER, OUTSIDE, message
from tests.runtime.test_supervisor import Nodes, nodes  # noqa: F401  # a fixture


def connect(
    folder: Path, name: str = "edge1.example.test", port: int = 5061, certificate: str | None = None
) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(folder / "tls" / "ca.pem"))
    if certificate is not None:
        context.load_cert_chain(folder / "tls" / f"{certificate}.pem", folder / "tls" / f"{certificate}.key")
    raw = socket.create_connection((EDGE_OUTER, port), 5.0, source_address=(OUTSIDE, 0))
    return context.wrap_socket(raw, server_hostname=name)


def serial(made: ssl.SSLSocket) -> str:
    certificate = made.getpeercert()
    assert certificate is not None
    return str(certificate["serialNumber"])


def answered(made: ssl.SSLSocket) -> bool:
    made.sendall(message().replace(b"x@example.test SIP", b"example.test SIP"))
    return made.recv(4096).startswith(b"SIP/2.0 200")


def reload(run_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seaway.admin.cli", "node", "reload", "--run-dir", str(run_dir)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_certificates_are_exchanged_while_the_node_runs(nodes: Nodes) -> None:  # noqa: F811
    run_dir, tls = nodes.folder / "run" / "edge1", nodes.folder / "tls"
    done = reload(run_dir)
    assert done.returncode == 2 and "no node can be asked there" in done.stderr
    extra = '\n[[tls.extra]]\ncertificate = "tls/meet.pem"\nkey = "tls/meet.key"\n'
    issue(tls, "meet", ["meet.example.test"])
    path = nodes.write("edge1")
    path.write_text(path.read_text().replace("[[traversal]]", extra + "[[traversal]]", 1))
    pids = nodes.ready("edge1", nodes.start(path))
    first = connect(nodes.folder)
    assert answered(first) and serial(connect(nodes.folder, "meet.example.test")) != serial(first)

    issue(tls, "edge1", ["edge1.example.test"])
    assert serial(connect(nodes.folder)) == serial(first), "nothing changes before it is asked for"
    done = reload(run_dir)
    assert done.returncode == 0 and "new connections get the new certificates" in done.stdout, done.stderr
    second = connect(nodes.folder)
    assert serial(second) != serial(first) and answered(first) and answered(second)

    for spoil, line in (
        (lambda: (tls / "edge1.key").chmod(0o644), "edge1.key: the private key is open to others"),
        (lambda: (tls / "edge1.key").write_bytes((tls / "meet.key").read_bytes()), "edge1.key: does not belong to"),
        (lambda: (tls / "edge1.pem").unlink(), "edge1.pem: there is no such file"),
    ):
        spoil()
        done = reload(run_dir)
        (tls / "edge1.key").chmod(0o600)
        assert done.returncode == 2 and "the old certificates stay: " in done.stderr and line in done.stderr
        assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr
        third = connect(nodes.folder)
        assert serial(third) == serial(second) and answered(third) and answered(first)

    issue(tls, "edge1", ["edge1.example.test"])
    assert reload(run_dir).returncode == 0 and serial(connect(nodes.folder)) not in (serial(first), serial(second))
    assert nodes.ready("edge1", nodes.running[0]) == pids, "no process was restarted"


def test_the_turn_process_takes_them_too_and_lists_are_followed(nodes: Nodes) -> None:  # noqa: F811
    run_dir, tls = nodes.folder / "run" / "edge1", nodes.folder / "tls"
    deployment = DEPLOYMENT.replace("sip_calls = true", "sip_calls = true\nturn = true")
    (nodes.folder / "deployment.toml").write_text(deployment)
    issue(tls, "phone", ["phone.example.test"])
    revoke(tls, [])
    path = nodes.write("edge1", extra='[turn]\nsecrets = ["a-long-enough-secret"]\n')
    path.write_text(path.read_text().replace("[[traversal]]", 'crl = "tls/crl.pem"\n[[traversal]]', 1))
    nodes.ready("edge1", nodes.start(path))
    ports = (5061, 3478)
    before = [serial(connect(nodes.folder, port=port)) for port in ports]
    assert before[0] == before[1]
    phone = connect(nodes.folder, port=5062, certificate="phone")
    assert answered(phone)

    issue(tls, "edge1", ["edge1.example.test"])
    revoke(tls, [tls / "phone.pem"])
    assert reload(run_dir).returncode == 0
    after = [serial(connect(nodes.folder, port=port)) for port in ports]
    assert after[0] == after[1] != before[0]
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        assert answered(connect(nodes.folder, port=5062, certificate="phone"))
    assert answered(phone), "what is open stays open"


@pytest.mark.parametrize("what", ["", "{}", "not json"])
def test_a_run_directory_without_a_node(tmp_path: Path, what: str) -> None:
    if what:
        (tmp_path / "ready").write_text(what)
    done = reload(tmp_path)
    assert done.returncode == 2 and "no node can be asked there" in done.stderr and "Traceback" not in done.stderr


def test_files_are_looked_at_each_hour(tmp_path: Path) -> None:
    """What ends soon, or cannot be used any more, is an alarm before a restart meets it."""
    create_authority(tmp_path)
    issue(tmp_path, "edge1", ["edge1.example.test"], days=10)
    tls = Tls(ca=tmp_path / "ca.pem", certificate=tmp_path / "edge1.pem", key=tmp_path / "edge1.key")
    book = AlarmBook(Journal.create())
    keeper = TlsKeeper(tls, ["edge1.example.test"], tmp_path, book)
    now = time.monotonic()

    def raised() -> list[str]:
        book.tick()
        return [kind.name for kind in (TLS_FILES, TLS_ENDS) if book.is_raised(kind)]

    keeper.tick(now)
    assert raised() == ["tls-ends"]
    (tmp_path / "edge1.key").chmod(0o644)
    keeper.tick(now + 3500)
    assert raised() == ["tls-ends"], "not yet"
    keeper.tick(now + 3601)
    assert raised() == ["tls-files", "tls-ends"]
    issue(tmp_path, "edge1", ["edge1.example.test"])
    keeper.reload(set())
    assert raised() == []
    assert json.loads((tmp_path / "reload").read_text())["failure"] is None
    (tmp_path / "ca.pem").unlink()
    keeper.reload(set())
    assert raised() == ["tls-files"] and "ca.pem" in json.loads((tmp_path / "reload").read_text())["failure"]


def test_a_node_without_tls_has_nothing_to_reload(tmp_path: Path) -> None:
    keeper = TlsKeeper(None, [], tmp_path, AlarmBook(Journal.create()))
    keeper.tick(time.monotonic())
    keeper.reload({"signal"})
    assert "nothing to reload" in json.loads((tmp_path / "reload").read_text())["failure"]


def test_a_file_in_the_run_directory_is_never_followed(tmp_path: Path) -> None:
    """The folder belongs to the children's user: what lies there may be a trap for root."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "reload.new").symlink_to(victim)
    (tmp_path / "reload").symlink_to(victim)
    write_anew(tmp_path / "reload", "new\n")
    assert victim.read_text() == "untouched" and (tmp_path / "reload").read_text() == "new\n"
    assert not (tmp_path / "reload").is_symlink()
