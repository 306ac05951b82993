"""Which call a message belongs to: by Call-ID and the tag of the caller, also while several forks of one call ring."""

from __future__ import annotations

from seaway.call.record import Call
from seaway.wire.sip.message import Message
from seaway.wire.sip.nameaddr import tag_of

__all__ = ["CallIndex"]

_MOST_TAGS = 32  # early dialogs of one fork that are told apart


class CallIndex:
    """The live anchored calls of one node. `links` are the route token payloads of the traversal zones.

    There are several for one dialog when a call forks over different legs, until one answers; and when it passes here
    twice: an edge has a call from one of its phones to another on the way to the core, and on the way back.
    """

    def __init__(self, links: frozenset[bytes]) -> None:
        self._links = links
        self._calls: dict[tuple[bytes, bytes], list[Call]] = {}

    def keep(self, call: Call) -> None:
        self._calls.setdefault((call.call_id, call.caller_tag), []).append(call)

    def drop(self, call: Call) -> None:
        key = (call.call_id, call.caller_tag)
        forks = self._calls.get(key)
        if forks is not None and call in forks:
            forks.remove(call)
            if not forks:
                del self._calls[key]

    def early(self, call: Call, tag: bytes | None) -> None:
        """An early dialog of `call` has the callee's `tag`."""
        if tag is not None and len(call.early_tags) < _MOST_TAGS:
            call.early_tags.add(tag)

    def of(self, message: Message, zone: str) -> Call | None:
        """The call of a message inside a dialog that came from `zone`. Raises `SipError`."""
        if not self._calls:
            return None
        call_id = message.require(b"call-id")
        tags = [tag_of(message.require(name)) for name in (b"from", b"to")]
        for index, tag in enumerate(tags):
            calls = self._calls.get((call_id, tag)) if tag is not None else None
            if calls:
                return calls[0] if len(calls) == 1 else self._which(calls, tags, index == 0, zone)
        return None

    def twins(self, call: Call) -> list[Call]:
        """Other calls of the same dialog between the same zones: of an INVITE that came twice (RFC 3261 §8.2.2.2)."""
        return [
            each
            for each in self._calls.get((call.call_id, call.caller_tag), ())
            if each is not call
            and (each.callee_tag, each.ingress, each.egress) == (call.callee_tag, call.ingress, call.egress)
        ]

    def _which(self, calls: list[Call], tags: list[bytes | None], by_caller: bool, zone: str) -> Call:
        """Between the two passes of a call is a traversal zone; a fork is known by the tag of its callee."""
        link = self._linked(zone)
        passes = [each for each in calls if self._linked(each.ingress if by_caller else each.egress) == link] or calls
        return next((each for each in passes if not each.early_tags.isdisjoint(tags)), passes[0])

    def _linked(self, zone: str) -> bool:
        return b"z" + zone.encode() in self._links

    def __len__(self) -> int:
        return sum(map(len, self._calls.values()))
