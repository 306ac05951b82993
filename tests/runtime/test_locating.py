"""What the DNS adds to a search that is explained."""

from __future__ import annotations

import asyncio
from typing import Any

from seaway.call.explaining import Explained
from seaway.core.dns.io import Answer, Naptr, Srv
from seaway.core.sip.io import Place
from seaway.runtime import locating
from seaway.runtime.locating import complete


class FakeResolver:
    def __init__(self, records: dict[tuple[str, str], Any], delay: float = 0.0) -> None:
        self.records = records
        self.delay = delay

    async def lookup(self, name: str, kind: str) -> Answer:
        await asyncio.sleep(self.delay)
        return Answer(tuple(self.records.get((name, kind), ())))


def asked(*, place: Place | None = None, number: str | None = None) -> Explained:
    row: dict[str, object] = {"what": "rule"}
    out = Explained([row])
    if place is not None:
        out.places.append((row, place))
    if number is not None:
        out.numbers.append((row, number, "e164.test"))
    return out


def run(explained: Explained, resolver: FakeResolver) -> list[dict[str, object]]:
    return asyncio.run(complete(explained, resolver))  # type: ignore[arg-type]


def test_hops_of_a_domain() -> None:
    records = {
        ("_sip._udp.far.test", "SRV"): (Srv(1, 1, 5070, "a.far.test"), Srv(2, 1, 5080, "b.far.test")),
        ("a.far.test", "ADDRESS"): ("192.0.2.1",),
        ("b.far.test", "ADDRESS"): ("192.0.2.2",),
    }
    (row,) = run(asked(place=Place("far.test", "outer", allowed=("udp",))), FakeResolver(records))
    assert row["hops"] == ["192.0.2.1:5070/udp", "192.0.2.2:5080/udp"]
    (row,) = run(asked(place=Place("none.test", "outer")), FakeResolver({}))
    assert row["hops"] == ["none.test has no usable address"]


def test_uris_of_a_number() -> None:
    records = {("2.1.e164.test", "NAPTR"): (Naptr(1, 1, "u", "E2U+sip", "!^.*$!sip:bob@far.test!", ""),)}
    (row,) = run(asked(number="12"), FakeResolver(records))
    assert row["uris"] == ["sip:bob@far.test"]
    (row,) = run(asked(number="13"), FakeResolver({}))
    assert len(row["uris"]) == 1 and "3.1.e164.test" in row["uris"][0]  # type: ignore[arg-type,index]


def test_servers_that_do_not_answer_delay_the_rest_only_shortly(monkeypatch: Any) -> None:
    monkeypatch.setattr(locating, "_PATIENCE", 0.01)
    rows = run(asked(number="12"), FakeResolver({}, delay=60))
    assert rows[-1] == {"what": "dns", "why": "no answer within 0.01 s"}
