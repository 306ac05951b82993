"""Registrations of a real node outlive its processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from seaway.identity.digest import Challenge, answer, choose
from seaway.runtime.keeping import FILE
from seaway.wire.sip.auth import digest_parameters
from seaway.wire.sip.message import Response, parse
from tests.runtime.rig import CORE, INSIDE
from tests.runtime.test_supervisor import Nodes, nodes, wait

__all__ = ["nodes"]

USER = '[media]\nengine = "python"\n[[user]]\nname = "bob"\npassword = "secret-of-bob"\n'


class UdpPhone:
    """Registers over UDP with digest."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((INSIDE, 0))
        self.socket.settimeout(3)
        self.contact = f"sip:bob@{INSIDE}:{self.socket.getsockname()[1]}"
        self.number = 0

    def register(self, expires: int = 600) -> Response:
        response = self._send(expires, "")
        challenges = [Challenge.from_parameters(digest_parameters(v) or {}) for v in response.all(b"www-authenticate")]
        chosen = choose(challenges)
        assert chosen is not None
        value = answer(chosen, "bob", "secret-of-bob", "REGISTER", "sip:example.test", cnonce="0a1b")
        return self._send(expires, f"Authorization: {value}\r\n")

    def _send(self, expires: int, more: str) -> Response:
        self.number += 1
        self.socket.sendto(
            (
                "REGISTER sip:example.test SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {INSIDE}:{self.socket.getsockname()[1]};rport;branch=z9hG4bKk{self.number}\r\n"
                f"From: <sip:bob@example.test>;tag=1\r\nTo: <sip:bob@example.test>\r\nCall-ID: kept\r\n"
                f"CSeq: {self.number} REGISTER\r\nContact: <{self.contact}>\r\nExpires: {expires}\r\n{more}"
                "Content-Length: 0\r\n\r\n"
            ).encode(),
            (CORE, 5060),
        )
        message = parse(self.socket.recv(4096))
        assert isinstance(message, Response)
        return message


@pytest.fixture
def phone() -> Iterator[UdpPhone]:
    made = UdpPhone()
    yield made
    made.socket.close()


def contacts(made: Nodes) -> list[str]:
    return [f"{row['contact']} {row['via']}" for row in made.status("core1", "registrations")]


def test_a_killed_signalling_process_and_a_killed_node(nodes: Nodes, phone: UdpPhone) -> None:
    (nodes.folder / "core1").mkdir()
    extra = USER
    path = nodes.write("core1", extra=extra)
    path.write_text(path.read_text().replace("run_dir =", 'state_dir = "state/core1"\nrun_dir ='))
    process = nodes.start(path)
    first = nodes.ready("core1", process)
    response = phone.register()
    assert response.status == 200
    date = (response.get(b"date") or b"").decode()
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date)
    time.sleep(0.4)  # the writer is behind by at most 0.15 s
    there = contacts(nodes)
    assert there == [f"{phone.contact} {phone.contact.partition('@')[2]}/udp"]
    os.kill(first["signal"], signal.SIGKILL)
    wait(lambda: nodes.ready("core1", process)["signal"] != first["signal"])
    assert contacts(nodes) == there

    process.kill()
    process.communicate()
    again = nodes.start(path)
    nodes.ready("core1", again)
    assert contacts(nodes) == there
    again.send_signal(signal.SIGTERM)
    again.communicate(timeout=10)
    assert (nodes.folder / "state" / "core1" / FILE).exists()


def test_what_was_registered_just_before_the_end_is_written(nodes: Nodes, phone: UdpPhone) -> None:
    path = nodes.write("core1", extra=USER)
    process = nodes.start(path)
    nodes.ready("core1", process)
    assert phone.register().status == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    nodes.ready("core1", nodes.start(path))
    assert len(contacts(nodes)) == 1
    assert phone.register(0).status == 200
    assert not contacts(nodes)


def test_a_damaged_file_does_not_stop_the_node(nodes: Nodes, phone: UdpPhone) -> None:
    path = nodes.write("core1", extra=USER)
    state = nodes.folder / "run" / "core1"
    state.mkdir(parents=True)
    (state / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 50)
    if os.geteuid() == 0:
        os.chown(state / FILE, 65534, 65534)
    nodes.ready("core1", nodes.start(path))
    assert phone.register().status == 200
    assert (state / f"{FILE}.damaged").exists()


def test_a_store_that_cannot_be_used_is_an_alarm_and_the_node_works_on(nodes: Nodes, phone: UdpPhone) -> None:
    path = nodes.write("core1", extra=USER)
    (nodes.folder / "run" / "core1" / FILE).mkdir(parents=True)
    nodes.ready("core1", nodes.start(path))
    assert phone.register().status == 200
    command = [sys.executable, "-m", "seaway.admin.cli", "alarms", "--json"]
    done = subprocess.run(
        [*command, "--run-dir", str(nodes.folder / "run" / "core1")], capture_output=True, text=True, timeout=15
    )
    (alarm,) = [each for each in json.loads(done.stdout) if each["id"] == "store"]
    assert FILE in alarm["cause"] and "state_dir" in alarm["remedy"]
