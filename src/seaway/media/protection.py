"""How the media of one leg is protected: what counts, what is opened, what is sealed (rules R13, R17).

A `Shield` is made of a `Security` message. A leg without one is "pass". The two components of a leg share it: SRTP and
SRTCP have one master key. Only with DTLS each has its own.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from secrets import randbits
from typing import Any

from seaway.core.srtp.keys import MasterKey
from seaway.core.srtp.receiver import FIRST_COUNTERS, Receiver, SourceIndex
from seaway.core.srtp.sender import RTCP_STEP, Sender
from seaway.media.dtls import Association
from seaway.media.flows import Cipher, CipherTable
from seaway.media.offload import OffloadedReceiver, OffloadedSender
from seaway.media.protocol import Fingerprint, SecurityMode, SrtpKey

__all__ = ["MAX_KEYS", "Shield", "crosses", "master_of"]

MAX_KEYS = 16
"""Keys of one leg in one message; an offer with more lines than that is not seen."""

_UNKNOWN = 1 << 22
"""Packets that may have passed while nobody noted indexes: a restart of the relay process."""

_TRANSPARENT = frozenset(("pass", "verify"))


class Shield:
    """`receive` and `send` as in `Security`; `before` is the leg's shield until now. Raises `ValueError` for keys that
    are none, in words without a key."""

    def __init__(
        self, mode: SecurityMode, receive: Sequence[SrtpKey] = (), send: SrtpKey | None = None,
        before: Shield | None = None,
    ) -> None:  # fmt: skip
        if len(receive) > MAX_KEYS:
            raise ValueError(f"more than {MAX_KEYS} keys of one leg")
        self.mode: SecurityMode = mode
        self.association: Association | None = None  # dtls
        self.remembered: tuple[str, tuple[Fingerprint, ...]] = ("passive", ())
        """Role and fingerprints of an association that an earlier process had."""
        self.passed: int = before.passed if before is not None else 0
        """How many packets a fast path had passed when the last authentic one came here."""
        known = {each.master: each for each in before.receivers} if before is not None else {}
        counters = _counters(known.values())
        masters = dict.fromkeys(master_of(each) for each in receive)
        self.ids: dict[tuple[bool, MasterKey], int] = dict(before.ids) if before is not None else {}
        """Number of each key in a fast path, by whether it sends."""
        self.receivers: list[Receiver | OffloadedReceiver] = [
            known.get(each) or Receiver(each, counters=counters) for each in masters
        ]
        self.sender: Sender | OffloadedSender | None = None
        if send is not None:
            master = master_of(send)
            if any(each.key == master.key for each in masters):
                raise ValueError("the far side's key cannot be ours as well (RFC 3711 §9.1)")
            last = before.sender if before is not None else None
            self.sender = last if last is not None and last.master == master else Sender(master)

    @property
    def opens(self) -> bool:
        """Whether media ends here, as opposed to passing as it is."""
        return self.mode not in _TRANSPARENT

    @property
    def keyed(self) -> bool:
        """Whether only authentic packets count."""
        return self.mode not in ("pass", "rtp")

    @property
    def label(self) -> str:
        """For people: the mode, and the suite when it is clear which."""
        suites = {each.master.suite.name for each in self.receivers}
        return f"{self.mode} {suites.pop()}" if len(suites) == 1 else self.mode

    @property
    def turns(self) -> int:
        """Changes when the indexes are worth noting again."""
        return sum(each.turns for each in self.receivers) + (self.sender.turns if self.sender is not None else 0)

    def receive(self, data: bytes, passed: int, *, rtcp: bool) -> bytes | None:
        """What came, well-formed, as it is to go on: in clear when media ends here. `None`: it does not count.

        `passed`: all packets that a fast path has passed of the same component until now.
        """
        if not self.keyed:
            return data
        for place, receiver in enumerate(self.receivers):
            found: bytes | None
            if rtcp:
                found = receiver.open_rtcp(data)
            elif self.opens:
                found = receiver.open_rtp(data, passed - self.passed)
            else:
                found = data if receiver.authentic_rtp(data, passed - self.passed) else None
            if found is None:
                continue
            if place:  # the one that was chosen comes first
                self.receivers.insert(0, self.receivers.pop(place))
            if not rtcp:
                self.passed = passed
            return found if self.opens else data
        return None

    def send(self, data: bytes, *, rtcp: bool) -> bytes | None:
        """What goes to the far side, in clear, as it has to leave; `None`: it must not."""
        if not self.keyed:
            return data
        if self.sender is None:
            return None
        return self.sender.seal_rtcp(data) if rtcp else self.sender.seal_rtp(data)

    # A fast path

    def offload_receiver(self, table: CipherTable) -> int | None:
        """The number of the one key of the far side, which the fast path has from now on; `None`: there is not one.

        Raises `FlowError`.
        """
        if len(self.receivers) != 1:
            return None
        receiver = self.receivers[0]
        if isinstance(receiver, Receiver):
            cipher = Cipher(
                self._id(receiver.master, False), receiver.master, False, receiver.known(), receiver.counters
            )
            table.keep(cipher)
            self.receivers[0] = OffloadedReceiver(receiver.master, table, cipher.id, cipher.known)
        return self._id(receiver.master, False)

    def offload_sender(self, table: CipherTable) -> int | None:
        """The same of our key."""
        sender = self.sender
        if sender is None:
            return None
        if isinstance(sender, Sender):
            cipher = Cipher(self._id(sender.master, True), sender.master, True, sender.known())
            table.keep(cipher)
            self.sender = OffloadedSender(sender.master, table, cipher.id, cipher.known)
        return self._id(sender.master, True)

    def release(self, successor: Shield | None = None) -> None:
        """Take away what the fast path has and `successor` does not need."""
        kept = [] if successor is None else [*successor.receivers, successor.sender]
        for each in (*self.receivers, self.sender):
            if isinstance(each, OffloadedReceiver | OffloadedSender) and each not in kept:
                each.leave()

    @property
    def offloaded(self) -> bool:
        return any(isinstance(each, OffloadedReceiver | OffloadedSender) for each in (*self.receivers, self.sender))

    def _id(self, master: MasterKey, sends: bool) -> int:
        return self.ids.setdefault((sends, master), randbits(63) or 1)

    # A later process

    def memory(self) -> dict[str, object]:
        """As JSON values; keys are among them."""
        sender = self.sender
        role, fingerprints = self.remembered
        if self.association is not None:
            role, fingerprints = self.association.role, self.association.fingerprints
        return {
            "mode": self.mode,
            "role": role,
            "fingerprints": [[each.hash, each.value] for each in fingerprints],
            "receive": [[*_text(each.master), each.known(), self._number(each.master)] for each in self.receivers],
            "send": None
            if sender is None
            else [*_text(sender.master), sender.known(), self._number(sender.master, True)],
        }

    def _number(self, master: MasterKey, sends: bool = False) -> int:
        return self.ids.get((sends, master), 0)

    @classmethod
    def again(cls, data: Any) -> Shield:
        """From what `memory` told. Raises `KeyError`, `TypeError` or `ValueError` when it is something else."""
        mode = data["mode"]
        if mode not in ("pass", "verify", "rtp", "srtp", "dtls"):
            raise ValueError("mode")
        shield = cls(mode)
        shield.remembered = str(data["role"]), tuple(Fingerprint(name, value) for name, value in data["fingerprints"])
        shield.receivers = [Receiver(_master(each), _indexes(each[3])) for each in data["receive"]]
        shield.passed = -_UNKNOWN
        if (send := data["send"]) is not None:
            sources = [(ssrc, rtp, rtcp + RTCP_STEP) for ssrc, rtp, rtcp in _indexes(send[3])]
            shield.sender = Sender(_master(send), sources)
        for sends, noted in ((False, data["receive"]), (True, [send] if send is not None else [])):
            shield.ids |= {(sends, _master(each)): _id(each[4]) for each in noted if each[4]}
        return shield


def crosses(one: Shield | None, other: Shield | None) -> bool:
    """Whether packets may go from one leg to the other: both pass media on, or media ends at both."""
    return (one is not None and one.opens) == (other is not None and other.opens)


def master_of(key: SrtpKey) -> MasterKey:
    """Raises `ValueError`, in words without the key."""
    return _master((key.suite, key.key, key.mki))


def _master(parts: Sequence[Any]) -> MasterKey:
    suite, key, mki = parts[:3]
    try:
        octets, identifier = b64decode(key, validate=True), bytes.fromhex(mki)
    except (Base64Error, ValueError):
        raise ValueError(f"a key of {suite} is no base64, or its MKI is not hexadecimal") from None
    return MasterKey.joined(suite, octets, identifier)


def _text(master: MasterKey) -> tuple[str, str, str]:
    return master.suite.name, b64encode(master.key + master.salt).decode("ascii"), master.mki.hex()


def _indexes(data: Any) -> list[SourceIndex]:
    found: list[SourceIndex] = []
    for ssrc, rtp, rtcp in data:
        if not all(isinstance(each, int) for each in (ssrc, rtp, rtcp)) or not 0 <= ssrc < 2**32:
            raise ValueError("indexes")
        found.append((ssrc, rtp, rtcp))
    return found


def _id(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < 2**63:
        raise ValueError("number of a key")
    return value


def _counters(receivers: Iterable[Receiver | OffloadedReceiver]) -> int:
    """A source may go on counting when its key changes."""
    highest = max((rtp >> 16 for each in receivers for _, rtp, _ in each.known()), default=0)
    return max(FIRST_COUNTERS, highest + 2)
