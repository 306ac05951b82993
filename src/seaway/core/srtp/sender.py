"""What leaves under one master key of ours. No two packets are sealed under one index: a repetition with another
content would give both contents away (RFC 3711 §9.1)."""

from __future__ import annotations

from collections.abc import Iterable

from seaway.core.srtp.index import MAX_RTCP_INDEX, Seen, estimate
from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.receiver import SourceIndex
from seaway.core.srtp.transform import transform_of

__all__ = ["MAX_SENT_SOURCES", "RTCP_STEP", "Sender"]

RTCP_STEP = 4096
"""What a later process skips of the RTCP indexes that were noted: so many may have been used since."""

MAX_SENT_SOURCES = 64
"""SSRCs sealed under one key. One more is not sent: to forget an old one would be to repeat its indexes."""


class Sender:
    """`known`: sources as an earlier sender of the same key had them."""

    def __init__(self, master: MasterKey, known: Iterable[SourceIndex] = ()) -> None:
        self.master = master
        self.turns = 0
        """Rises with each new source, each rollover, and each 4096 RTCP packets: `known()` is worth noting again."""
        self._transform = transform_of(master)
        self._sources: dict[bytes, _Source] = {}
        for ssrc, rtp, rtcp in known:
            self.learn(ssrc, rtp, rtcp)

    def learn(self, ssrc: int, rtp: int, rtcp: int) -> None:
        """Somebody else sent packets of this source up to these indexes."""
        source = self._source(ssrc.to_bytes(4, "big"))
        if source is not None:
            if rtp > source.rtp.highest:
                source.rtp = Seen(rtp)
            source.rtcp = max(source.rtcp, rtcp)

    def known(self) -> tuple[SourceIndex, ...]:
        return tuple(
            (int.from_bytes(name, "big"), source.rtp.highest, source.rtcp) for name, source in self._sources.items()
        )

    def seal_rtp(self, packet: bytes) -> bytes | None:
        """`None`: it must not be sent, because its sequence number was, or it is too old or of one source too many."""
        source = self._source(packet[8:12])
        if source is None:
            return None
        sequence = packet[2] << 8 | packet[3]
        index = sequence if source.rtp.highest < 0 else estimate(source.rtp.highest, sequence)
        if not source.rtp.fresh(index):
            return None
        if index >> 16 != source.rtp.highest >> 16:
            self.turns += 1
        source.rtp.add(index)
        return self._transform.seal_rtp(packet, index)

    def seal_rtcp(self, packet: bytes) -> bytes | None:
        """`None`: of one source too many, or the key is used up (RFC 3711 §9.2)."""
        source = self._source(packet[4:8])
        if source is None or source.rtcp >= MAX_RTCP_INDEX:
            return None
        source.rtcp += 1
        if source.rtcp % RTCP_STEP == 0:
            self.turns += 1
        return self._transform.seal_rtcp(packet, source.rtcp)

    def _source(self, name: bytes) -> _Source | None:
        found = self._sources.get(name)
        if found is None and len(self._sources) < MAX_SENT_SOURCES:
            found = self._sources[name] = _Source()
        return found


class _Source:
    __slots__ = ("rtcp", "rtp")

    def __init__(self) -> None:
        self.rtp = Seen()
        self.rtcp = -1  # the index that was used last
