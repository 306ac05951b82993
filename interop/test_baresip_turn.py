"""A baresip phone whose media goes by TURN calls another one directly: two independent RTP ends, our relay between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.lab.accounts import CAROL, DAVE, TURN_PASSWORD, TURN_USER
from seaway.lab.phones.baresip import Account, Baresip
from seaway.lab.stage import Stage

pytestmark = pytest.mark.interop


class DirectPhone(Baresip):
    """Without a registrar: called by its address. `turn`: address of the TURN server, or empty."""

    def __init__(self, stage: Stage, name: str, host: str, tone: int, turn: str = "") -> None:
        assert stage.network is not None
        network = stage.network
        self._turn = turn
        self._address = network.plan.host(host).address

        def start(command: list[str], log: Path) -> object:
            return stage.machines.start(host, command, log)

        account = Account(name, "", self._address, "udp", f"{self._address}:5060", 0)
        super().__init__(
            name,
            network.dir / f"turn-phone-{name}",
            account,
            tone,
            start,  # type: ignore[arg-type]
            namespace=network.namespace(host),
        )
        config = self.dir / "config"
        config.write_text(
            config.read_text().replace("module g711.so", "module stun.so\nmodule turn.so\nmodule g711.so")
        )

    def _account_line(self, account: Account) -> str:
        line = f"<sip:{account.user}@{self._address};transport=udp>;regint=0;answermode=auto"
        if self._turn:
            line += f';medianat=turn;stunserver="turn:{self._turn}:3478";stunuser={TURN_USER};stunpass={TURN_PASSWORD}'
        return f"{line};audio_codecs=PCMA/8000/1"


@pytest.fixture
def phones(stage: Stage) -> Iterator[tuple[DirectPhone, DirectPhone]]:
    assert stage.network is not None
    relayed = DirectPhone(stage, CAROL.name, "peer-out", CAROL.tone, stage.network.plan.edge_public)
    direct = DirectPhone(stage, DAVE.name, "scanner", DAVE.tone)
    try:
        relayed.launch()
        direct.launch()
        yield relayed, direct
    finally:
        relayed.close()
        direct.close()


def test_a_call_by_turn(stage: Stage, phones: tuple[DirectPhone, DirectPhone]) -> None:
    assert stage.network is not None
    relayed, direct = phones
    mark = relayed.mark()
    relayed.dial(f"sip:{DAVE.name}@{stage.network.plan.host('scanner').address}")
    event = relayed.wait("CALL_ESTABLISHED", "CALL_CLOSED", since=mark, patience=8.0)
    assert event is not None and event["type"] == "CALL_ESTABLISHED", (event, relayed.tail())
    time.sleep(1.5)  # of talking
    mine = [each for each in stage.pair.status("edge1", "turn") if each["packets_to_client"] > 30]
    assert mine and mine[0]["packets_to_peers"] > 30, stage.pair.status("edge1", "turn")
    for phone, tone in ((relayed, DAVE.tone), (direct, CAROL.tone)):
        stats, heard = phone.stats(), phone.heard(tone)
        assert stats is not None and stats.received > 30 and stats.lost == 0, stats
        assert heard is not None and heard.good, heard
    relayed.hang_up()
    assert direct.wait("CALL_CLOSED", patience=3.0) is not None
