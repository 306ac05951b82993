"""ICE of one component, of which we are the lite side: who proved to be the far side, and where media goes (RFC 8445).

Rules R10, R12, R15. A Binding request counts when its user name and its integrity are those of the credentials that
signalling exchanged; its source is then a valid pair (§7.3.2), and USE-CANDIDATE selects it; until there is a
nomination the first valid pair is as good. Nothing else moves media, and what does not authenticate gets no answer. The
same requests keep consent fresh (RFC 7675); a lite side asks for none. Not here: 487, for the far side of a lite one is
always controlling (§6.1.1).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from seaway.media.protocol import Address
from seaway.wire.stun.address import xor_mapped_address
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.error_code import error_code, unknown_attributes
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import BINDING, MessageClass
from seaway.wire.stun.message import Message, decode, encode

__all__ = ["CONSENT", "MAX_PAIRS", "STEADY", "IceLite"]

CONSENT = 30.0
"""Seconds after the last check of a pair until media from it does not count any more (RFC 7675 §5.1). The selected pair
stays: an agent without RFC 7675 sends indications in place of checks."""

STEADY = 5.0
"""Seconds after the last nomination of the selected pair until one of a lower priority may take its place."""

MAX_PAIRS = 16
_REMEMBERED = 32  # transactions
_KNOWN = frozenset((AttributeType.USERNAME, AttributeType.PRIORITY, AttributeType.USE_CANDIDATE))


@dataclass(slots=True)
class _Pair:
    ufrag: str  # of the far side, which it used
    priority: int
    heard: float
    nominated: float | None = None


class IceLite:
    """`ufrag` and `password` are ours, `remote` is the far side's ufrag, "": any. `before`: what the
    component had until now."""

    def __init__(self, ufrag: str, password: str, remote: str = "", before: IceLite | None = None) -> None:
        self.ufrag, self._password = ufrag, password
        self._remote = remote
        self._pairs: dict[Address, _Pair] = {}
        self._chosen: Address | None = None
        self._seen: OrderedDict[bytes, Address] = OrderedDict()
        self._before = before
        if before is not None:
            before._before = None  # two generations are enough (RFC 8445 §9)

    def same(self, ufrag: str, password: str) -> bool:
        """Whether this is no restart."""
        return (self.ufrag, self._password) == (ufrag, password)

    def earlier(self, ufrag: str, password: str) -> IceLite | None:
        """What it was before a restart, when these are the credentials of then: the restart was called off."""
        return self._before if self._before is not None and self._before.same(ufrag, password) else None

    def told(self, remote: str) -> None:
        """Signalling said who the far side is: pairs of others, of a fork that lost, do not count."""
        self._remote = remote
        self._pairs = {where: pair for where, pair in self._pairs.items() if remote in ("", pair.ufrag)}
        if self._chosen not in self._pairs:
            self._chosen = None

    @property
    def selected(self) -> Address | None:
        """Where media goes; `None`: nowhere."""
        if self._chosen is not None or self._before is None:
            return self._chosen
        return self._before.selected

    def admits(self, source: Address, now: float) -> bool:
        """Whether media from there counts: a valid pair (RFC 8445 §12.2)."""
        pair = self._pairs.get(source)
        if pair is not None and (source == self._chosen or now - pair.heard <= CONSENT):
            return True
        return self._before is not None and self._before.admits(source, now)

    def receive(self, data: bytes, source: Address, now: float) -> bytes | None:
        """A STUN message: the answer, b"" for a keep-alive of a valid pair, `None` for what does not count."""
        try:
            message = decode(data)
        except StunError:
            return None
        if message.method != BINDING:
            return None
        if message.message_class is MessageClass.INDICATION:  # RFC 8445 §11
            return b"" if self.admits(source, now) else None
        if message.message_class is not MessageClass.REQUEST or not message.fingerprint_ok():
            return None
        user = message.first(AttributeType.USERNAME)
        if user is None:
            return None
        return self._request(message, user.value, source, now)

    def _request(self, message: Message, user: bytes, source: Address, now: float) -> bytes | None:
        near, _, far = user.decode("latin-1").partition(":")
        if near != self.ufrag:
            return self._before._request(message, user, source, now) if self._before is not None else None
        key = self._password.encode()
        if not far or self._remote not in ("", far) or not message.has_integrity(key):
            return None
        if self._seen.setdefault(message.transaction_id, source) != source:
            return None  # somebody repeats from elsewhere what he saw
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        transaction = message.transaction_id
        sha256 = message.first(AttributeType.MESSAGE_INTEGRITY_SHA256) is not None
        if unknown := message.unknown_required(_KNOWN):
            attributes = [error_code(420, "Unknown Attribute"), unknown_attributes(unknown)]
            return encode(MessageClass.ERROR, BINDING, transaction, attributes, key=key, sha256=sha256)
        self._valid(message, far, source, now)
        mapped = [xor_mapped_address(source, transaction)]
        return encode(MessageClass.SUCCESS, BINDING, transaction, mapped, key=key, sha256=sha256)

    def _valid(self, message: Message, far: str, source: Address, now: float) -> None:
        given = message.first(AttributeType.PRIORITY)
        priority = int.from_bytes(given.value, "big") if given is not None and len(given.value) == 4 else 0
        pair = self._pairs.get(source)
        if pair is None:
            if len(self._pairs) >= MAX_PAIRS:
                others = (each for each in self._pairs if each != self._chosen)
                del self._pairs[min(others, key=lambda each: self._pairs[each].heard)]
            pair = self._pairs[source] = _Pair(far, priority, now)
        pair.ufrag, pair.priority, pair.heard = far, priority, now
        if message.first(AttributeType.USE_CANDIDATE) is None:
            if self.selected is None:
                self._chosen = source  # for now: some nominate only after a second, and are heard and hear until then
            return
        pair.nominated = now
        if self._takes(pair, now):
            self._chosen, self._before = source, None

    def _takes(self, pair: _Pair, now: float) -> bool:
        """Of several nominated pairs the one with the highest priority is selected, the newer of equals; another one
        when the far side has ceased to nominate that."""
        chosen = self._pairs.get(self._chosen) if self._chosen is not None else None
        if chosen is None or chosen is pair or pair.priority >= chosen.priority:
            return True
        return chosen.nominated is None or now - chosen.nominated > STEADY

    # A later process

    def memory(self) -> dict[str, object]:
        """As JSON values; the password is among them."""
        pairs = [[*where, pair.ufrag, pair.priority] for where, pair in self._pairs.items()]
        return {
            "ufrag": self.ufrag, "password": self._password, "remote": self._remote, "pairs": pairs,
            "chosen": self._chosen,
        }  # fmt: skip

    @classmethod
    def again(cls, data: Any, now: float) -> IceLite:
        """From what `memory` told. Raises `KeyError`, `TypeError` or `ValueError` when it is something else."""
        made = cls(str(data["ufrag"]), str(data["password"]), str(data["remote"]))
        for host, port, ufrag, priority in data["pairs"][:MAX_PAIRS]:
            if not isinstance(host, str) or not isinstance(port, int) or not isinstance(priority, int):
                raise TypeError("pair")
            made._pairs[host, port] = _Pair(str(ufrag), priority, now)
        if data["chosen"] is not None:
            host, port = data["chosen"]
            if (host, port) not in made._pairs:
                raise ValueError("chosen")
            made._chosen = host, port
            made._pairs[host, port].nominated = now
        return made
