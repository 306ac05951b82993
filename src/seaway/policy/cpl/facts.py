"""What a script may ask about a call."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["CallFacts", "Party"]


@dataclass(frozen=True, slots=True)
class Party:
    """One address of a call (RFC 3880 §4.1). An empty part is one that is not present."""

    scheme: str = "sip"
    user: str = ""
    host: str = ""
    port: str = ""
    display: str = ""
    telephone: str = ""  # the digits of a tel URI or of a SIP URI with user=phone

    @property
    def uri(self) -> str:
        """`sip:user@host:port`, or `tel:digits`."""
        if self.scheme == "tel":
            return f"tel:{self.telephone}"
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}:{user}{host}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call set-up as call policy sees it. `when` is seconds since the epoch, UTC.

    `caller` is the authenticated name, empty when nobody has proved who he is; `zone` the name of the zone it comes
    from. `languages` are the ranges of Accept-Language without parameters, in the order of the request.
    """

    origin: Party
    destination: Party
    original_destination: Party
    when: float
    caller: str = ""
    zone: str = "default"
    subject: str = ""
    organization: str = ""
    user_agent: str = ""
    priority: str = "normal"
    languages: tuple[str, ...] = field(default=())
