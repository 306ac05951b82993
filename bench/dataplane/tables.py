"""The tables of the benchmarks of media in docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence

from figures import Figure

__all__ = ["TITLES", "table", "text"]

TITLES = {
    "media-rtp": "RTP through a relay",
    "media-turn": "TURN: ChannelData from client to peer",
    "media-latency": "Latency of a relay",
    "media-setup": "A flow added",
    "turn-control": "TURN: allocations",
}
_TEXTS = {
    "media-rtp": """
1000 flows are set up, each from another source to a port and a destination of its own; before the figures every flow is
checked (destination, content, checksum). Packets are RTP with 200 or 1200 octets of UDP payload; "1 flow" is one of the
1000. *Frames* arrive as from a network card: an XDP program emits them into the relay's device, what is due in 50 us at
once, as with interrupt moderation. *Sockets* are one connected UDP socket a flow at the other end of the veth pair,
without segmentation offload; each packet is then an skb of its own, which XDP has to copy, and wakes the relay's thread
nearly each time: in-kernel rows differ little there, as the wake is most of their cost.

Counted is the CPU time of all that the relay causes, as the scheduler knows it: the kernel thread that does what
softirq does elsewhere (threaded NAPI of the relay's devices: reception, XDP or TC, routing, NAT, the socket's queue,
transmission) and all processes of the subject, on one core; generator and sink have the other. It is measured at 85 %
of the highest rate without loss that a short search found. "kpps" is that rate: where the generator is the limit (about
1200 frames, 350 from sockets) the relay could do more. At low rates each packet wakes a thread, which is then most of
its cost.

Unequal: rtpengine runs without its kernel module, with one thread; it parses RTP and keeps statistics, as our engines
do. nftables tracks connections and verifies checksums. Kernel forwarding only routes. Userspace relays verify the UDP
checksum in software, as these devices do not. Programs that relay run at real-time priority, so that other work on the
machine does not delay them.
""",
    "media-turn": """
1000 allocations with one channel each, each of another client port; the four octets of the header are stripped. As
above, with the TURN process of Seaway and coturn, and the same client: UDP, a long-term credential. coturn has one
relay thread. Unequal: coturn looks permissions up for each packet; ours has a flow only while permission and channel
live.
""",
    "media-latency": """
Frames of 200 octets one at a time, evenly spaced over 1000 flows, from the generator to the device behind the relay:
20,000 a second, and 50,000 where the relay does not lose more than 1 % and lets no queue grow. Most of an in-kernel
relay's latency is the wake of the idle core, which all have in common. The last column is the ratio to rtpengine (RTP)
or coturn (TURN).
""",
    "media-setup": """
4000 flows into an empty table: CPU of the process that adds and, for `userspace`, of the worker. Opening the sockets is
not included.
""",
    "turn-control": """
1000 clients over UDP with long-term credentials (MESSAGE-INTEGRITY with MD5 and SHA-1 keys), 16 transactions at a time.
CPU of the server's processes and of the kernel thread that receives for it. *Allocate* is both of its transactions, the
one answered with 401 and the one with 200. Memory is the growth (PSS) by 1000 allocations with one permission each;
buffers of sockets are not in it. Both log each allocation to a file. ChannelBind includes the two flows
of the fast path; with lifetime 0 coturn closes the relay port later, outside the figure, and we at once.
""",
}


def text(bench: str) -> str:
    """What is counted, and what is unequal."""
    return "\n\n".join(" ".join(each.split()) for each in _TEXTS[bench].strip().split("\n\n"))


_NOTES = {"turn-control": "per second of CPU"}
_PEERS = {
    "media-rtp": ("rtpengine",),
    "media-turn": ("coturn",),
    "turn-control": ("coturn",),
    "media-latency": ("rtpengine", "coturn"),
}


def table(bench: str, rows: Sequence[Figure]) -> list[str]:
    """Lines of Markdown. The ratio is a row's value divided by the peer's of the same case; below 1 is better."""
    peers = _PEERS.get(bench, ())
    noted, several = any(each.note for each in rows), any(each.case for each in rows)
    units = dict.fromkeys(each.unit for each in rows)
    units = list(dict.fromkeys(each.unit for each in rows))
    head = [*(["case"] if several else []), "subject", units[0] if len(units) == 1 else "value", "low", "high"]
    head += [_NOTES.get(bench, "kpps")] if noted else []
    head += [f"/ {peers[0] if len(peers) == 1 else 'peer'}"] if peers else []
    lines = [_line(head), _line(["---"] * len(head))]
    for case in dict.fromkeys(each.case for each in rows):
        same = [each for each in rows if each.case == case]
        base = next((each.value for each in same if each.subject in peers), None)
        for each in same:
            cells = [case] if several else []
            cells += [each.subject, _shown(each.value), _shown(each.low), _shown(each.high)]
            cells += [each.note] if noted else []
            cells += [f"{each.value / base:.3f}" if base else ""] if peers else []
            lines.append(_line(cells))
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
