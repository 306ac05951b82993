"""The native shedder: it refuses what Python would refuse, in the same words, and touches nothing else."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.core.sip.glance import BUSY_TAG, glance
from seaway.runtime.shedder import Shedder, load_shedder
from tests.house import ROOT
from tests.support.messages import as_response, header, request
from tests.wire.sip.torture import CASES

if shutil.which("make") is None or shutil.which("cc") is None:
    pytest.skip("needs make and a C compiler", allow_module_level=True)
subprocess.run(["make", "-s", "-C", str(ROOT / "dataplane"), "shed"], check=True)
NONE, ALL = (0, 0, 0), 1000


class Rig:
    def __init__(self, family: int, host: str) -> None:
        self.ours, self.peer = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        for each in (self.ours, self.peer):
            each.bind((host, 0))
            each.setblocking(False)
        self.place = self.peer.getsockname()[:2]
        made = load_shedder(["192.0.2.1"])
        assert made is not None
        self.shedder: Shedder = made

    def send(self, *messages: bytes) -> None:
        for each in messages:
            self.peer.sendto(each, self.ours.getsockname())

    def read(self, admit: tuple[int, int, int] = NONE, refusals: int = ALL) -> tuple[list[bytes], list[bytes], int]:
        """What is passed on, the answers, and how many were dropped."""
        found = self.shedder.read(self.ours.fileno(), admit, refusals, 4)
        assert all(remote == self.place for _, remote in found.passed)
        answers = []
        for _ in range(found.refused):
            answers.append(self.peer.recv(65535))
        assert found.read == len(found.passed) + found.refused + found.dropped + self.swallowed(found.read, found)
        return [data for data, _ in found.passed], answers, found.dropped

    @staticmethod
    def swallowed(read: int, found: object) -> int:
        return read - len(found.passed) - found.refused - found.dropped  # type: ignore[attr-defined]

    def close(self) -> None:
        self.shedder.close()
        self.ours.close()
        self.peer.close()


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = Rig(*request.param)
    yield made
    made.close()


def via(rig: Rig, branch: str, rport: str = ";rport") -> str:
    host = rig.place[0] if ":" not in rig.place[0] else f"[{rig.place[0]}]"
    return f"SIP/2.0/UDP {host}:{rig.place[1]};branch=z9hG4bK{branch}{rport}"


def invite(rig: Rig, branch: str, **more: object) -> bytes:
    return request(via=via(rig, branch), **more)  # type: ignore[arg-type]


def test_what_may_belong_to_work_is_passed_on(rig: Rig) -> None:
    messages = [
        b"SIP/2.0 200 OK\r\n\r\n", request("CANCEL"), request("ACK", to="<sip:b@example.test>;tag=1"),
        request("BYE", to="<sip:b@example.test>;tag=1"), b"nonsense", b"\r\n\r\n", b"",
        request().replace(b"Via:", b"vIa:"),
        request(headers=("Subject: a\r\n folded",)), request("INVITE", "urn:service:sos", branch="z9hG4bKsos"),
    ]  # fmt: skip
    rig.send(*messages)
    assert rig.read() == (messages, [], 0)


def test_new_requests_are_refused(rig: Rig) -> None:
    rig.send(*(invite(rig, f"n{number}", call_id=f"c{number}") for number in range(40)))
    passed, answers, dropped = rig.read()
    assert (passed, len(answers), dropped) == ([], 40, 0)
    assert {header(each, "call-id")[0] for each in answers} == {f"c{number}" for number in range(40)}
    assert len({header(each, "to")[0] for each in answers}) == 40
    for each in answers:
        assert as_response(each).status == 503 and header(each, "retry-after") == ["4"] and BUSY_TAG in each


@pytest.mark.parametrize(
    "more",
    [
        {}, {"headers": ("Proxy-Authorization: Digest x",)}, {"method": "REGISTER"}, {"body": b"v=0\r\n\r\n" * 50},
        {"frm": '"A;tag" <sip:a@example.test>', "to": "sip:b@example.test"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("rport", [";rport", "", ";rport;x=y", ";x"])
def test_the_answer_is_the_one_that_python_makes(rig: Rig, more: dict[str, object], rport: str) -> None:
    vias = [via(rig, "same", rport), "SIP/2.0/TCP b.example.test;branch=z9hG4bKb"]
    data = request(via=vias, **more)  # type: ignore[arg-type]
    rig.send(data)
    _, (answer,), _ = rig.read()
    seen = glance(data)
    assert seen is not None
    assert _tagless(answer) == _tagless(seen.busy(b"1", 4, rig.place))


def _tagless(answer: bytes) -> bytes:
    return re.sub(rb"tag=busy\.[n0-9a-f]+", b"tag=busy", answer)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rfc4475_messages_are_refused_only_if_python_would(rig: Rig, case) -> None:  # type: ignore[no-untyped-def]
    rig.send(case.data)
    found = rig.shedder.read(rig.ours.fileno(), NONE, ALL, 4)
    assert found.read == 1
    if found.refused:
        seen = glance(case.data)
        assert seen is not None and not seen.in_dialog


def test_as_many_as_are_admitted_go_on_and_their_retransmissions(rig: Rig) -> None:
    messages = [invite(rig, f"a{number}") for number in range(10)]
    rig.send(*messages)
    passed, answers, _ = rig.read((3, 3, 3))
    assert passed == messages[:3] and len(answers) == 7
    rig.send(*messages)
    passed, answers, _ = rig.read()
    assert passed == messages[:3] and len(answers) == 7


def test_credentials_go_first(rig: Rig) -> None:
    proving = [invite(rig, f"p{number}", headers=("Proxy-Authorization: Digest x",)) for number in range(4)]
    rig.send(invite(rig, "s1"), *proving, invite(rig, "s2"))
    passed, answers, _ = rig.read((3, 3, 0))
    assert passed == proving[:3] and len(answers) == 3


def test_without_refusals_left_they_are_dropped(rig: Rig) -> None:
    rig.send(*(invite(rig, f"d{number}") for number in range(10)))
    passed, answers, dropped = rig.read(refusals=4)
    assert (passed, len(answers), dropped) == ([], 4, 6)


def test_the_ack_of_a_503_is_swallowed(rig: Rig) -> None:
    rig.send(invite(rig, "k"))
    _, (answer,), _ = rig.read()
    rig.send(request("ACK", to=header(answer, "to")[0]))
    assert rig.read() == ([], [], 0)


def test_nothing_waits(rig: Rig) -> None:
    assert rig.shedder.read(rig.ours.fileno(), NONE, ALL, 4).read == 0
    with pytest.raises(OSError, match="cannot read"):
        rig.shedder.read(-1, NONE, ALL, 4)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_mutations_under_sanitizers(tmp_path: Path) -> None:
    """100,000 mutations, each in memory of exactly its length."""
    source = ROOT / "dataplane" / "shed"
    program = tmp_path / "try_shed"
    options = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *options, "-o", program, source / "try_shed.c", source / "shed.c"], check=True)
    messages = [case.data for case in CASES if len(case.data) < 8000]
    for number in range(20):
        messages.append(request(branch=f"z9hG4bK{number}", headers=("Proxy-Authorization: x",) if number % 2 else ()))
    seeds = tmp_path / "seeds"
    seeds.write_bytes(b"".join(b"%d\n%b" % (len(each), each) for each in messages))
    done = subprocess.run([program, seeds, "100000"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    passed, refused, *_ = (int(each) for each in done.stdout.split())
    assert passed > 10_000 and refused > 5_000, "both ways are tried"
