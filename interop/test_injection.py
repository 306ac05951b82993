"""R12, R14: a million packets of a stranger at the port of a running call with SRTP. None is forwarded, none is
answered, and the call goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from interop.conftest import lab_name
from seaway.lab.accounts import ALICE, BOB
from seaway.lab.session import CallReport
from seaway.lab.stage import Stage

_PER_SEND = 50  # RTP packets in one system call (UDP_SEGMENT)

_INJECTOR = """
import socket, struct, sys, time
host, port, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.setsockopt(17, 103, 172)
begin, sent, number = time.monotonic(), 0, 0
while sent < count:
    burst = b"".join(
        struct.pack("!BBHII", 0x80, 0, (number + i) & 65535, 160 * (number + i) & 0xFFFFFFFF, 0xBAD) + bytes(160)
        for i in range({per})
    )
    made.sendto(burst, (host, port))
    sent += {per}
    number += {per}
    late = begin + sent / rate - time.monotonic()
    if late > 0.002:
        time.sleep(late)
made.settimeout(0.5)
try:
    made.recv(2048)
    print("answered")
except TimeoutError:
    print("sent", sent)
""".replace("{per}", str(_PER_SEND))


@pytest.fixture
def attacked(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with Stage.in_namespaces(lab_name("inject"), "dual", engine=request.param[0]) as stage:
        stage.pair.start()
        assert stage.pair.wait_zone(10.0), stage.pair.crash_report()
        yield stage
        stage.pair.stop()


@pytest.mark.parametrize(
    ("attacked", "count", "rate"),
    [(("xdp-native",), 1_000_000, 150_000), (("userspace",), 100_000, 20_000)],
    indirect=["attacked"],
    ids=["xdp-native", "userspace"],
)
def test_injected_packets_are_neither_forwarded_nor_answered(attacked: Stage, count: int, rate: int) -> None:
    assert attacked.network is not None
    session = attacked.session()
    try:
        session.launch(encryption="srtp-mand" if count == 1_000_000 else None)
        assert session.registered("alice") and session.registered("bob")
        reports: list[CallReport] = []
        call = threading.Thread(target=lambda: reports.append(session.call(ALICE, BOB, talk=3.0 + count / rate)))
        call.start()
        port = _port_outside(attacked)
        out = attacked.network.run(
            "scanner",
            [
                "timeout",
                "60",
                "python3",
                "-c",
                _INJECTOR,
                attacked.network.plan.edge_public,
                str(port),
                str(count),
                str(rate),
            ],
        )
        assert out.strip() == f"sent {count}"
        call.join(60)
        (report,) = reports
        assert report.good, report.problem()
        media = report.nodes["edge1"]["media"][0]["from_a"]
        talked = (3.0 + count / rate) * 50
        assert 0.8 * talked < media["packets"] < 1.3 * talked + 50, "only the phone's own packets count"
        assert media["refused"] > 1000, "the stranger's packets did arrive"
        behind = report.nodes["core1"]["media"][0]["from_a"]
        assert behind["packets"] <= media["packets"] and behind["refused"] == 0, "and none of them left"
    finally:
        session.close()


def _port_outside(stage: Stage, patience: float = 10.0) -> int:
    """The edge's RTP port of the running call, when its media flows."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        (relay,) = stage.pair.status("edge1", "relay")
        calls = stage.pair.status("edge1", "calls")
        if calls and relay["flows"] >= 2:
            return int(calls[0]["streams"][0]["a"][1])
        time.sleep(0.05)
    raise AssertionError("no media of a call at the edge")
