"""What an operator may set for each zone, and who may come in through the default zone. Plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seaway.policy.patterns import PatternType

__all__ = ["AccessRule", "AuthenticationPolicy", "BackToBack", "DefaultZone", "MediaEncryption", "ZoneSettings"]

MediaEncryption = Literal["auto", "force-encrypted", "force-unencrypted", "best-effort"]
"""What media towards a zone looks like. "auto": as the other side of the call wants it. "force-encrypted",
"force-unencrypted": always so. "best-effort": encrypted when the peer can, else not."""

AuthenticationPolicy = Literal["check", "do-not-check", "treat-as-authenticated"]
"""What becomes of a request from a zone. "check": credentials of a local user are demanded (RFC 3261 §22).
"do-not-check": it passes as unauthenticated. "treat-as-authenticated": it passes as if the zone had proved it."""

BackToBack = Literal["auto", "always", "never"]
"""Whether calls of a zone are ended and begun anew (B2BUA). "auto": when encryption, ICE or session timers need it."""


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """Of one zone. The defaults are those of a trusted zone; default and local zone check credentials."""

    authentication: AuthenticationPolicy = "do-not-check"
    media_encryption: MediaEncryption = "auto"
    ice: bool = False  # offer ICE towards this zone (RFC 8839)
    session_refresh: int = 1800  # seconds: Session-Expires that we ask for (RFC 4028)
    minimum_session_refresh: int = 500  # seconds: Min-SE, below: 422
    hop_count: int = 15  # Max-Forwards of a request that begins something is lowered to this on its way out
    b2bua: BackToBack = "auto"
    allow_headers: tuple[str, ...] = ()  # in lower case: what an untrusted zone may say although it is for trusted ones


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Whose connection is let in through the default zone: `pattern` over the names of its verified certificate."""

    priority: int  # 1..65534, low first; the first rule that matches decides
    type: PatternType
    pattern: str
    action: Literal["allow", "deny"] = "allow"
    authentication: AuthenticationPolicy | None = None  # instead of that of the zone
    description: str = ""


def _checked() -> ZoneSettings:
    return ZoneSettings(authentication="check")


@dataclass(frozen=True, slots=True)
class DefaultZone:
    """Everybody who is in no other zone. With `access` rules a connection with a certificate needs one that allows it;
    connections without a certificate are left to `settings.authentication`."""

    settings: ZoneSettings = field(default_factory=_checked)
    access: tuple[AccessRule, ...] = ()
