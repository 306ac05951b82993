"""DNS over our own sockets, against a small name server on loopback that can be made to misbehave."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from seaway.core.dns.io import Answer, Naptr, Resolve, Srv
from seaway.observe.counters import Counters
from seaway.runtime.driver import Driver
from seaway.runtime.lookups import Lookups
from seaway.runtime.resolver import ResolveError, Resolver
from seaway.runtime.sockets import Sockets
from tests.runtime.rig import DNS, EchoCore, resolution, run, until

RECORDS = {
    ("edge1.example.test.", "A"): "203.0.113.20",
    ("edge1.example.test.", "AAAA"): "2001:db8::20",
    ("alias.example.test.", "CNAME"): "edge1.example.test.",
    ("big.example.test.", "A"): "203.0.113.99",
    (
        "example.test.",
        "NAPTR",
    ): r'10 20 "s" "SIP+D2T" "" _Sip._tcp.example.test.|1 2 "u" "E2U+sip" "!^.*$!sip:\\1@x!" .',
    ("_sip._tcp.example.test.", "SRV"): "1 2 5060 Edge1.example.test.|3 4 5061 .",
}


@pytest.fixture(autouse=True)
def may_bind() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((DNS, 53))
        except PermissionError:
            pytest.skip("port 53 needs root")


class NameServer(asyncio.DatagramProtocol):
    """UDP and TCP on port 53. `lie` makes each UDP answer wrong once before the right one; `mute` says nothing."""

    def __init__(self) -> None:
        self.queries: list[tuple[str, str, str]] = []
        self.sources: list[int] = []
        self.lie = self.mute = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sources.append(addr[1])
        if self.mute:
            return
        if self.lie:
            self.transport.sendto(bytes([data[0] ^ 1]) + self.answer(data, "udp")[1:], addr)  # another id
            self.transport.sendto(b"\0\1", addr)
        self.transport.sendto(self.answer(data, "udp"), addr)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
        self.sources.append(writer.get_extra_info("peername")[1])
        answer = self.answer(await reader.readexactly(length), "tcp")
        for octet in struct.pack(">H", len(answer)) + answer:  # in small pieces
            writer.write(bytes([octet]))
        await writer.drain()
        writer.close()

    def answer(self, data: bytes, transport: str) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), question.rdtype.name
        self.queries.append((name, kind, transport))
        reply = dns.message.make_response(query)
        if name == "broken.example.test.":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif not any(known == name for known, _ in RECORDS):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif name == "big.example.test." and transport == "udp":
            reply.flags |= dns.flags.TC
        else:
            target = RECORDS.get((name, "CNAME"))
            if target is not None:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", target))
                name = target
            if (name, kind) in RECORDS:
                texts = RECORDS[name, kind].split("|")
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *texts))
        return reply.to_wire()


@asynccontextmanager
async def rig(
    timeout: float = 10.0, families: frozenset[int] = frozenset({4})
) -> AsyncIterator[tuple[Resolver, NameServer, Counters]]:
    loop = asyncio.get_running_loop()
    server, counters = NameServer(), Counters()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=(DNS, 53))
    tcp = await asyncio.start_server(server.stream, DNS, 53)
    resolver = Resolver(Sockets(resolution(), "core1"), [DNS], counters, timeout=timeout, families=families)
    try:
        yield resolver, server, counters
    finally:
        resolver.close()
        transport.close()
        tcp.close()
        await asyncio.sleep(0)


def test_names_literals_aliases_and_the_cache() -> None:
    async def main() -> None:
        async with rig(families=frozenset({4, 6})) as (resolver, server, _):
            assert await resolver.addresses("192.0.2.7") == ("192.0.2.7",)
            assert await resolver.addresses("2001:DB8::7") == ("2001:db8::7",)
            assert server.queries == []
            both = await asyncio.gather(*(resolver.addresses("Edge1.example.test") for _ in range(5)))
            assert set(both) == {("203.0.113.20", "2001:db8::20")}
            assert len(server.queries) == 2  # one A and one AAAA for all who asked
            assert await resolver.addresses("alias.example.test.") == ("203.0.113.20", "2001:db8::20")
            assert all(30000 <= port <= 35999 for port in server.sources)
            assert len(set(server.sources)) == len(server.sources)

    run(main)


def test_a_truncated_answer_goes_over_tcp() -> None:
    async def main() -> None:
        async with rig() as (resolver, server, counters):
            assert await resolver.addresses("big.example.test") == ("203.0.113.99",)
            assert [transport for _, _, transport in server.queries] == ["udp", "tcp"]
            assert counters.get("dns.truncated") == 1 and all(30000 <= port <= 35999 for port in server.sources)

    run(main)


def test_foreign_answers_are_passed_over() -> None:
    async def main() -> None:
        async with rig() as (resolver, server, counters):
            server.lie = True
            assert await resolver.addresses("edge1.example.test") == ("203.0.113.20",)
            assert counters.get("dns.foreign") == 2

    run(main)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.example.test", "there is no such name"),
        ("broken.example.test", "SERVFAIL"),
        ("a" * 70 + ".test", "is no DNS name"),
    ],
)
def test_failures_name_the_reason(name: str, reason: str) -> None:
    async def main() -> None:
        async with rig() as (resolver, _, _):
            with pytest.raises(ResolveError, match=reason) as caught:
                await resolver.addresses(name)
            assert caught.value.name == name.rstrip(".") and "\n" not in str(caught.value)

    run(main)


def test_a_silent_server_times_out_and_the_failure_is_kept_briefly() -> None:
    async def main() -> None:
        async with rig(timeout=0.05) as (resolver, server, counters):
            server.mute = True
            for _ in range(3):
                with pytest.raises(ResolveError, match="no answer"):
                    await resolver.addresses("edge1.example.test")
            assert counters.get("dns.timeout") == 2  # two tries, then from the cache

    run(main)


def test_watched_names_show_their_state() -> None:
    async def main() -> None:
        async with rig(timeout=0.1) as (resolver, server, _):
            resolver.watch(["edge1.example.test", "none.example.test", "192.0.2.1"], 0.02)
            await until(lambda: all(each["state"] != "not checked" for each in resolver.snapshot()))
            good, bad = resolver.snapshot()
            assert (good["state"], good["addresses"], good["row"], good["server"]) == (
                "resolved",
                ["203.0.113.20"],
                "T5-04",
                DNS,
            )
            assert bad["state"] == "failed" and "no such name" in str(bad["reason"])
            server.mute = True
            await until(lambda: resolver.snapshot()[0]["state"] == "failed")

    run(main)


def test_without_a_server_it_says_what_to_set() -> None:
    async def main() -> None:
        resolver = Resolver(Sockets(resolution(), "core1"), [], Counters())
        with pytest.raises(ResolveError, match=r"set \[dns\] servers"):
            await resolver.addresses("edge1.example.test")

    run(main)


def test_a_server_that_no_row_covers_is_never_asked() -> None:
    async def main() -> None:
        resolver = Resolver(Sockets(resolution(), "core1"), ["198.51.100.1"], Counters())
        with pytest.raises(ResolveError, match="no catalog row allows this destination"):
            await resolver.addresses("edge1.example.test")

    run(main)


def test_srv_and_naptr_records() -> None:
    async def main() -> None:
        async with rig() as (resolver, server, _):
            assert set((await resolver.lookup("_sip._tcp.example.test", "SRV")).records) == {
                Srv(1, 2, 5060, "edge1.example.test"),
                Srv(3, 4, 5061, ""),
            }
            found = await resolver.lookup("example.test", "NAPTR")
            assert set(found.records) == {
                Naptr(10, 20, "s", "SIP+D2T", "", "_sip._tcp.example.test"),
                Naptr(1, 2, "u", "E2U+sip", r"!^.*$!sip:\1@x!", ""),
            }
            count = len(server.queries)
            assert resolver.cached("example.test", "NAPTR") == found and resolver.cached("example.test", "SRV") is None
            assert await resolver.lookup("example.test", "NAPTR") == found and len(server.queries) == count

    run(main)


def test_that_there_is_nothing_is_told_from_that_nobody_can_say() -> None:
    async def main() -> None:
        async with rig(timeout=0.1) as (resolver, server, _):
            for name in ("none.example.test", "edge1.example.test"):
                assert await resolver.lookup(name, "SRV") == Answer()
                assert resolver.cached(name, "SRV") == Answer()  # negative caching
            assert (await resolver.lookup("broken.example.test", "SRV")).failure != ""
            assert resolver.cached("192.0.2.1", "ADDRESS") == Answer(("192.0.2.1",)) and server.queries

    run(main)


def test_call_control_hears_each_answer_once() -> None:
    async def main() -> None:
        async with rig(timeout=0.2) as (resolver, _, counters):
            core = EchoCore()
            driver = Driver(core, counters)
            lookups = Lookups(driver, resolver)
            driver.resolve = lookups.ask
            for token, name in ((1, "edge1.example.test"), (2, "192.0.2.1"), (3, "broken.example.test")):
                core.outputs.append(Resolve(token, name, "ADDRESS"))
            driver.settle(0.0)
            assert core.answers == [(2, Answer(("192.0.2.1",)))]  # known without asking
            await until(lambda: len(core.answers) == 3)
            core.outputs.append(Resolve(4, "edge1.example.test", "ADDRESS"))
            driver.settle(0.0)
            said = dict(core.answers)
            assert len(core.answers) == 4 and said[1] == said[4] == Answer(("203.0.113.20",))
            assert "SERVFAIL" in said[3].failure
            lookups.close()
            driver.stop()

    run(main)
