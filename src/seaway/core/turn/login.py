"""Who made a request: the proven user, and the key with which its answer is signed."""

from __future__ import annotations

from seaway.wire.stun.signer import Signer

__all__ = ["Login"]


class Login:
    """`user`: as the request names it. `owner`: whose quota counts, which is the same but for time-limited users, whose
    names differ in their end only. `ends`: wall time at which a time-limited credential ends; `None` for others.

    `proof`: the octets of user name, realm, nonce and algorithms that led here, so that the same need not be looked up
    again; good until the wall time `good_until`.
    """

    __slots__ = ("ends", "good_until", "owner", "proof", "signer", "user")

    def __init__(self, user: str, owner: str, signer: Signer, ends: float | None) -> None:
        self.user = user
        self.owner = owner
        self.signer = signer
        self.ends = ends
        self.proof: tuple[bytes | None, ...] = ()
        self.good_until = 0.0
