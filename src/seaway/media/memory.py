"""What a relay process remembers for its successor: each session as one JSON value, and the session made anew from it.

Kernel flows and the worker process go on when the relay process dies; its successor opens the same ports, learns
nothing anew, and takes the flows over. Credentials and SRTP master keys are in it, so it belongs into memory that is
as private as the process, never on a disk (`runtime/journal.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seaway.core.traversal.probe import CONSENT_LIFETIME, ProbeSender
from seaway.media.allocate import LegMemory
from seaway.media.ice import IceLite
from seaway.media.legs import ComponentState, LegState, SessionState
from seaway.media.protection import Shield
from seaway.media.protocol import Address, LegRequest
from seaway.media.sessions import SessionMemory
from seaway.wire.endpoint import version_of

__all__ = ["ComponentMemory", "describe", "session_memory"]

_SKIPPED = 1000  # probe sequence numbers that may have been used since the last note


class ComponentMemory:
    """Who is at the far side of one component."""

    __slots__ = ("allowed", "hint", "ice", "mux", "opaque", "paused", "probe", "remote", "sequence", "ssrcs")

    def __init__(self, data: Any) -> None:
        """Raises `KeyError`, `TypeError` or `ValueError` when `data` is not what `describe` made."""
        self.remote = _address(data["remote"])
        self.hint = _address(data["hint"])
        self.allowed = frozenset(str(each) for each in data["allowed"])
        self.ssrcs = frozenset(each for each in data["ssrcs"] if isinstance(each, int))
        self.probe = _address(data["probe"])
        self.sequence = data["sequence"]
        self.opaque = data.get("opaque") is True
        self.mux = data.get("mux") is True
        self.paused = data.get("paused") is True
        self.ice = None if data.get("ice") is None else IceLite.again(data["ice"], 0.0)
        if not isinstance(self.sequence, int):
            raise TypeError("sequence")

    def apply(
        self, component: ComponentState, leg: LegState, now: float, random_octets: Callable[[int], bytes]
    ) -> None:
        """Let `component`, made anew, know what is remembered. A probe leg starts to probe at once."""
        component.remote = self.remote
        component.opaque, component.mux, component.ice = self.opaque, self.mux, self.ice
        component.paused = self.paused
        if component.latch is not None:
            component.latch.remember(self.remote, self.hint, self.allowed, self.ssrcs, now)
        elif leg.demux is not None:
            component.sequence = self.sequence
            if self.remote is not None:
                leg.demux.flows[component.local][self.remote] = component
                component.consent_ends = now + CONSENT_LIFETIME
        elif self.probe is not None:
            component.probe = ProbeSender(
                self.probe, leg.user.decode(), leg.key.decode(), now, random_octets,
                sequence=self.sequence, bound=self.remote is not None,
            )  # fmt: skip


def describe(session: SessionState) -> dict[str, object]:
    """The session as JSON values."""
    return {
        "session": session.name,
        "label": session.label,
        "streams": [{"a": _leg(stream.a), "b": _leg(stream.b)} for stream in session.streams],
    }


def session_memory(data: Any) -> tuple[SessionMemory, list[ComponentMemory]]:
    """From what `describe` made; the components in order: stream by stream, leg a then b, RTP then RTCP.

    Raises `KeyError`, `TypeError` or `ValueError` when it is something else.
    """
    streams, components = [], []
    for stream in data["streams"]:
        legs = []
        for name in ("a", "b"):
            leg = stream[name]
            rtp = _address(leg["rtp"])
            family = None if rtp is None else version_of(rtp)
            rows = (str(leg["rows"][0]), str(leg["rows"][1]))
            request = LegRequest(leg["kind"], str(leg["nic"]), rows, family, leg.get("knocks") is True)
            if rtp is None or request.kind not in ("plain", "demux", "probe"):
                raise ValueError("leg")
            legs.append(LegMemory(request, rtp, str(leg["user"]), str(leg["password"]), _shields(leg["security"])))
            components += [ComponentMemory(each) for each in leg["components"]]
        streams.append((legs[0], legs[1]))
    return SessionMemory(str(data["session"]), str(data["label"]), tuple(streams)), components


def _leg(leg: LegState) -> dict[str, object]:
    return {
        "kind": leg.request.kind,
        "nic": leg.request.nic,
        "rows": list(leg.request.rows),
        "knocks": leg.request.knocks,
        "rtp": list(leg.address.rtp),
        "user": leg.user.decode("latin-1"),
        "password": leg.key.decode("latin-1"),
        "security": _security(leg),
        "components": [_component(each) for each in leg.components],
    }


def _security(leg: LegState) -> list[object]:
    """Of both components; one value when they share it."""
    shields = [leg.rtp.shield] if leg.rtp.shield is leg.rtcp.shield else [leg.rtp.shield, leg.rtcp.shield]
    return [None if each is None else each.memory() for each in shields]


def _shields(data: Any) -> tuple[Shield | None, Shield | None]:
    found = [None if each is None else Shield.again(each) for each in data]
    return found[0], found[-1]


def _component(component: ComponentState) -> dict[str, object]:
    hint, allowed, ssrcs = component.latch.memory if component.latch is not None else (None, (), ())
    probe = component.probe
    return {
        "remote": component.remote,
        "hint": hint,
        "allowed": allowed,
        "ssrcs": ssrcs,
        "probe": None if probe is None else probe.remote,
        "opaque": component.opaque,
        "mux": component.mux,
        "paused": component.paused,
        "ice": None if component.ice is None else component.ice.memory(),
        "sequence": component.sequence if probe is None else probe.sequence + _SKIPPED,
    }


def _address(value: Any) -> Address | None:
    if value is None:
        return None
    host, port = value
    if not isinstance(host, str) or not isinstance(port, int):
        raise TypeError("address")
    return host, port
