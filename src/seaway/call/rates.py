"""Bandwidth of the calls that pass here: where each end stands, what the SDP asks for, and what is granted."""

from __future__ import annotations

from seaway.call.config import ControlConfig
from seaway.policy.bandwidth import Bandwidth, Denial
from seaway.policy.subzones import Subzones
from seaway.wire.sdp.bandwidth import limit_rate, rate_of
from seaway.wire.sdp.session import Session

__all__ = ["Rates"]

_DEFAULT_ZONE = "DefaultZone"


class Rates:
    """Of one node. Without a bandwidth policy everything is granted and nothing is counted."""

    def __init__(self, config: ControlConfig) -> None:
        self._bandwidth = Bandwidth(config.bandwidth) if config.bandwidth is not None else None
        self._subzones = Subzones(config.memberships)

    def __bool__(self) -> bool:
        return self._bandwidth is not None

    def place(self, zone: str, *, local: bool, address: str, alias: str) -> str:
        """Where one end of a call stands: the subzone of an endpoint of ours (`local`) at `address`, else its zone."""
        if local:
            return self._subzones.of(address, alias)
        return _DEFAULT_ZONE if zone == "default" else zone

    def adapt(self, call: str, places: tuple[str, str], sdp: Session) -> str:
        """Ask for what `sdp` wants and bring it down to what is granted; "" or why there is no room.

        The first description of a call reserves; a later one changes what the call holds, an answer never upwards.
        """
        if self._bandwidth is None:
            return ""
        wanted = rate_of(sdp)
        held = self._bandwidth.rate(call)
        if held is not None and (wanted is None or wanted <= held):
            return ""  # an answer, or an offer of no more than before
        outcome = self._bandwidth.ask(call, *places, wanted)
        if isinstance(outcome, Denial):
            if held is None:
                return outcome.why
            limit_rate(sdp, held)  # it asks for more, and keeps what it has
        elif wanted is not None and outcome.rate < wanted:
            limit_rate(sdp, outcome.rate)
        elif wanted is None and outcome.limited_by:
            limit_rate(sdp, outcome.rate)  # nobody said how much: now we do
        return ""

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
