"""A binding of the location service: one contact of one address-of-record (RFC 3261 §10.3, RFC 5626 §6)."""

from __future__ import annotations

from seaway.core.sip.io import Flow
from seaway.core.sip.registration import Wanted

__all__ = ["Binding"]


class Binding:
    """One contact. `expires` is monotonic seconds.

    `flow` is where it registered from, `None` after its connection closed or when it came from a store. With `path`
    requests take these routes; `zone` then names the traversal or neighbour zone behind which the first of them is.
    `uses` is the running number of temporary GRUUs made for it.
    """

    __slots__ = (
        "agent", "aor", "call_id", "cseq", "expires", "flow", "index", "instance", "kept", "key", "number", "path", "q",
        "reg_id", "since", "uri", "zone",
    )  # fmt: skip

    def __init__(
        self, aor: bytes, wanted: Wanted, call_id: bytes, cseq: int, expires: float, flow: Flow | None, agent: bytes,
        *, path: tuple[bytes, ...] = (), zone: str | None = None, since: float = 0.0,
    ) -> None:  # fmt: skip
        self.aor = aor
        self.uri = wanted.uri
        self.instance = wanted.instance
        self.reg_id = wanted.reg_id
        self.q = wanted.q
        self.call_id = call_id
        self.cseq = cseq
        self.expires = expires
        self.flow = flow
        self.agent = agent
        self.path = path
        self.zone = zone
        self.kept = 0.0  # the expiry that a store has; 0: it must be told
        self.since = since  # monotonic seconds of the first registration
        self.number = 0  # running number in its registrar, never reused
        self.index: bytes | None = None  # of its temporary GRUUs, once it has an instance
        self.key = wanted.key
