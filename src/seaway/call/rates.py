"""Bandwidth of the calls that pass here: where each end stands, what the SDP asks for, and what is granted."""

from __future__ import annotations

from seaway.call.config import ControlConfig
from seaway.call.zones import Zone
from seaway.core.sip.io import Flow
from seaway.policy.bandwidth import Bandwidth, Denial
from seaway.policy.subzones import Subzones
from seaway.wire.sdp.bandwidth import limit_rate, rate_of
from seaway.wire.sdp.session import Session

__all__ = ["NoBandwidth", "Rates"]

_DEFAULT_ZONE = "DefaultZone"


class NoBandwidth(Exception):
    """There is no room for a call; `str()` is one clear phrase."""


class Rates:
    """Of one node. Without a bandwidth policy everything is granted and nothing is counted."""

    def __init__(self, config: ControlConfig) -> None:
        self._bandwidth = Bandwidth(config.bandwidth) if config.bandwidth is not None else None
        self._subzones = Subzones(config.memberships)

    def __bool__(self) -> bool:
        return self._bandwidth is not None

    def places(
        self, ingress: Zone, source: Flow | None, caller: str, egress: Zone | None, target: object, callee: str
    ) -> tuple[str, str]:  # fmt: skip
        """Where the two ends of a call stand. `egress` is `None` for a phone here; `target` is where it is reached."""
        here = source.remote[0] if source is not None else ""
        there = target.remote[0] if isinstance(target, Flow) else ""
        return self._place(ingress, here, caller), self._place(egress, there, callee)

    def _place(self, zone: Zone | None, address: str, alias: str) -> str:
        """The subzone of an endpoint of ours at `address`, else the zone."""
        if zone is None or zone.kind == "local":
            return self._subzones.of(address, alias)
        return _DEFAULT_ZONE if zone.kind == "default" else zone.name

    def adapt(self, call: str, places: tuple[str, str] | None, sdp: Session) -> None:
        """Ask for what `sdp` wants and bring it down to what is granted. Raises `NoBandwidth`.

        The first description of a call reserves; a later one changes what the call holds, an answer never upwards.
        A call without `places` was taken over from before a restart: what it uses is not known.
        """
        if self._bandwidth is None or places is None:
            return
        wanted = rate_of(sdp)
        held = self._bandwidth.rate(call)
        if held is not None and (wanted is None or wanted <= held):
            return  # an answer, or an offer of no more than before
        outcome = self._bandwidth.ask(call, *places, wanted)
        if isinstance(outcome, Denial):
            if held is None:
                raise NoBandwidth(outcome.why)
            limit_rate(sdp, held)  # it asks for more, and keeps what it has
        elif outcome.rate < wanted if wanted is not None else outcome.limited_by:
            limit_rate(sdp, outcome.rate)

    def release(self, call: str) -> None:
        """The call ended."""
        if self._bandwidth is not None:
            self._bandwidth.release(call)

    def granted(self, call: str) -> int | None:
        """kbit/s that the call holds; `None` when nobody counts."""
        return self._bandwidth.rate(call) if self._bandwidth is not None else None

    def snapshot(self) -> list[dict[str, object]]:
        """For `seaway status bandwidth`."""
        return self._bandwidth.snapshot() if self._bandwidth is not None else []
