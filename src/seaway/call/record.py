"""What is known of one call whose media this node carries; live, and in the history after its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Protocol

from seaway.call.directions import Directions
from seaway.call.media_security import MediaSecurity
from seaway.media.protocol import Ice, LegAddress, LegName, LegRequest, Security, StreamAddress, StreamStats
from seaway.wire.sdp.session import Session

__all__ = ["Call", "MediaUser", "Protection", "label_shown"]


class MediaUser(Protocol):
    """Whose call it is when the proxy only passes it on: the B2BUA."""

    def media_ended(self, reason: str, now: float) -> None:
        """The media session of the call is over, whoever ended it."""


class Protection(Protocol):
    """What becomes of the keys in the SDP of a call."""

    @property
    def unanswered(self) -> LegName | None: ...

    @property
    def ends(self) -> bool:
        """Whether SRTP ends in the relay."""

    def described(self, session: str, sdp: Session, side: LegName, *, answer: bool) -> Sequence[Security | Ice]: ...


class Call:
    """One anchored call. Times are monotonic seconds.

    Leg `a` is the caller's, leg `b` the callee's. `sources` are the IP addresses that signalling came from when a leg
    is an endpoint's own, `None` when it is a zone's.
    """

    __slots__ = (
        "agent", "alias", "answered", "call_id", "callee_tag", "caller", "caller_tag", "closed", "directions",
        "early_tags", "egress", "ended", "fingerprint", "ingress", "kept", "last_edit", "legs", "mode", "places",
        "reason", "security", "session", "sources", "started", "state", "stats", "streams", "waiting",
    )  # fmt: skip

    def __init__(
        self, session: str, call_id: bytes, caller_tag: bytes, caller: str, alias: str, ingress: str, egress: str,
        legs: tuple[LegRequest, LegRequest], now: float,
    ) -> None:  # fmt: skip
        self.session = session
        self.call_id = call_id
        self.caller_tag = caller_tag
        self.callee_tag: bytes | None = None  # of the 2xx that came first
        self.early_tags: set[bytes] = set()  # of the callee's side, before
        self.caller = caller
        self.alias = alias
        self.ingress = ingress
        self.egress = egress
        self.legs = legs
        self.streams: list[StreamAddress] = []
        self.security: Protection = MediaSecurity()
        self.directions = Directions()
        self.fingerprint = ""  # of the relay's DTLS certificate
        self.last_edit: Callable[[Session, list[LegAddress]], None] | None = None  # with our addresses in place
        self.places: tuple[str, str] | None = None  # of both ends, for bandwidth
        self.sources: list[str | None] = [None, None]
        self.started = now
        self.answered: float | None = None
        self.ended: float | None = None
        self.state = "calling"
        self.waiting = 0  # number of the command to the relay that is not answered yet
        self.closed = False  # the relay was told to close the session
        self.reason = ""
        self.mode = "proxy"  # or "b2bua"
        self.agent: MediaUser | None = None
        self.kept: object = None  # taken over: what the label says of the B2BUA's dialogs
        self.stats: tuple[StreamStats, ...] = ()

    def side_of(self, from_tag: bytes) -> LegName:
        """Which side sends a request whose From carries `from_tag`."""
        return "a" if from_tag == self.caller_tag else "b"

    def facts(self) -> dict[str, object]:
        """For log lines."""
        return {
            "call_id": self.call_id.decode("latin-1"), "session": self.session, "caller": self.caller,
            "callee": self.alias, "from_zone": self.ingress, "to_zone": self.egress,
        }  # fmt: skip

    def label(self, dialogs: object = None) -> str:
        """What the relay keeps for us, so that a restarted signalling process can take the call over. `dialogs` are
        those of the B2BUA (`b2bua/kept.py`)."""
        return json.dumps(
            {
                **({"dialogs": dialogs} if dialogs is not None else {}),
                "call_id": self.call_id.decode("latin-1"),
                "caller_tag": self.caller_tag.decode("latin-1"),
                "caller": self.caller,
                "alias": self.alias,
                "ingress": self.ingress,
                "egress": self.egress,
                "mode": self.mode,
                "legs": [asdict(leg) for leg in self.legs],
            }
        )

    @classmethod
    def from_label(cls, session: str, label: str, now: float) -> Call | None:
        """A call taken over; `None` when the label is not ours."""
        try:
            data = json.loads(label)
            legs = [
                LegRequest(leg["kind"], leg["nic"], tuple(leg["rows"]), leg.get("family"), leg.get("knocks") is True)
                for leg in data["legs"]
            ]
            call = cls(
                session, data["call_id"].encode("latin-1"), data["caller_tag"].encode("latin-1"), data["caller"],
                data["alias"], data["ingress"], data["egress"], (legs[0], legs[1]), now,
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, IndexError):
            return None
        call.security = MediaSecurity(told_before=True)
        call.directions = Directions(told_before=True)
        call.mode = str(data.get("mode", "proxy"))
        call.kept = data.get("dialogs")
        call.state = "answered"
        call.answered = now
        return call

    def snapshot(self, now: float) -> dict[str, object]:
        """For `seaway status calls`."""
        end = self.ended if self.ended is not None else now
        return {
            "session": self.session,
            "call_id": self.call_id.decode("latin-1"),
            "caller": self.caller,
            "callee": self.alias,
            "from_zone": self.ingress,
            "to_zone": self.egress,
            "mode": self.mode,
            "state": self.state,
            "reason": self.reason,
            "seconds": round(end - (self.answered if self.answered is not None else self.started), 1),
            # Addresses only: the credential of a demultiplexed leg is a secret of the pair (R67).
            "streams": [{"a": list(each.a.rtp), "b": list(each.b.rtp)} for each in self.streams],
            "media": [asdict(each) for each in self.stats],
        }


def label_shown(label: str) -> str:
    """A label for people: without the dialogs, which are long and whose tags are for the two peers."""
    try:
        data = json.loads(label)
        data.pop("dialogs", None)
        return json.dumps(data)
    except (ValueError, TypeError, AttributeError):
        return label
