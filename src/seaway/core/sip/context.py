"""What the proxy and its user share of one request: targets, branches, the response context (RFC 3261 §16.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.forking import BREADTH
from seaway.core.sip.io import Flow, Hop, Place
from seaway.core.sip.server import ServerTransaction
from seaway.wire.sip.message import Request, Response

__all__ = ["Branch", "Context", "ProxyUser", "Search", "Target"]


@dataclass(slots=True)  # not frozen, whose constructor takes four times as long; nobody changes one
class Target:
    """One place to send a request to. `payload` is what the route token towards it holds (see `tokens.py`).

    `more` are hops that are tried in turn when `where` fails (RFC 3263 §4.3); a `Place` finds them by itself.
    `lines` are put in for it: its Route (RFC 3327 §5.4), who asks (RFC 3325 §5). `others` lead to the same device and
    are tried one after the other when this flow turns out to be dead (RFC 5626 §7). `mark` is the user's.
    `hop_count` is what Max-Forwards of a request that begins something is lowered to.
    """

    uri: bytes
    where: Flow | Hop | Place
    payload: bytes = b"n"
    more: tuple[Flow | Hop, ...] = ()
    lines: tuple[bytes, ...] = ()
    others: tuple[Target, ...] = ()
    mark: Any = None
    hop_count: int = 255


class Branch:
    """One forwarded copy of a request: `request`, which is that of the context or an edited copy."""

    __slots__ = (
        "breadth", "call", "cancel", "client", "context", "datagram", "early", "final", "more", "request", "ringing",
        "target", "why",
    )  # fmt: skip

    def __init__(
        self, context: Context, target: Target, request: Request, call: Any = None, breadth: int | None = None
    ) -> None:
        self.context = context
        self.target = target
        self.request = request
        self.call = call  # the user's
        self.breadth = breadth  # share of Max-Breadth that it has; None: all there is (RFC 5393 §5)
        self.client: ClientTransaction | None = None
        self.final: Response | None = None
        self.more = target.more  # hops not yet tried
        self.datagram: Flow | Hop | None = None  # where it goes by UDP if the stream cannot be opened
        self.early = False  # a provisional response above 100 came: no other hop is tried
        self.ringing = False  # a provisional response came: CANCEL may be sent (RFC 3261 §9.1)
        self.cancel = False  # to be cancelled as soon as it may
        self.why = ""  # why it failed without a response, last


class Context:
    """The response context of one request (RFC 3261 §16.2).

    `request` has our own Route values removed and Max-Forwards decremented. `token` is the payload of the route token
    it came with: not `None` means that the request belongs to a dialog that passed here before. `path` is the payload
    of a Path value of ours that it came with (RFC 3327), empty when a Route named us with something else. `admitted`
    is set by the user once it knows who asks: what is rejected before leaves no state. `search` is asked for more when
    all have failed.
    """

    __slots__ = (
        "admitted",
        "agent",
        "asserted",
        "authenticated",
        "branches",
        "breadth",
        "call",
        "call_id",
        "cancelled",
        "flow",
        "hops",
        "local",
        "path",
        "payload",
        "request",
        "search",
        "server",
        "token",
        "user",
        "zone",
    )

    def __init__(self, server: ServerTransaction, request: Request, flow: Flow, call_id: bytes) -> None:
        self.server = server
        self.request = request
        self.flow = flow
        self.call_id = call_id
        self.token: bytes | None = None
        self.admitted = False
        self.local = False  # the user's: who asks is known to be one of ours, by where they ask from
        self.authenticated = False  # the user's: who asks has proved it, or their zone is taken to have done so
        self.payload = b"n"  # route token payload towards where the request came from; set by the user
        self.asserted: tuple[bytes, ...] = ()  # the user's: P-Asserted-Identity lines for those who may have them
        self.user: bytes | None = None  # the user's: address-of-record that was proved with credentials
        self.zone: Any = None  # the user's
        self.call: Any = None  # the user's
        self.path: bytes | None = None
        self.search: Search | None = None  # asked for more targets when all branches have failed
        self.hops = 70  # Max-Forwards, decremented
        self.breadth = BREADTH  # Max-Breadth (RFC 5393 §5)
        self.branches: list[Branch] = []
        self.cancelled = False
        self.agent: Any = None  # who answers instead of the proxy; `cancelled(now)` tells it of a CANCEL

    def release(self) -> None:
        """After the final response: let go of what no retransmission needs. Transactions stay for half a minute, so
        this is most of the memory of a call; and without the circle of context and branches it ends with the last of
        them."""
        if all(branch.final is not None for branch in self.branches):
            self.branches, self.search = [], None
            request = self.request
            request.names, request.lines, request.body = [], [], b""


class Search(Protocol):
    """What goes on after a first set of targets."""

    def exhausted(self, best: Response, now: float) -> bool:
        """All branches have failed, `best` is what would go upstream. True: the search goes on, at once or later, with
        `Proxy.forward` or at its end `Proxy.give_up`."""


class ProxyUser(Protocol):
    """Call control, as the proxy sees it."""

    def route(self, context: Context, now: float) -> None:
        """Decide on a new request: ends in `Proxy.forward` or `Proxy.reject`, now or later."""

    def route_ack(self, request: Request, token: bytes | None, flow: Flow, now: float) -> None:
        """An ACK for a 2xx: send it on with `Proxy.forward_ack`, or drop it."""

    def response(self, branch: Branch, response: Response, now: float) -> bool:
        """A response is about to go upstream; edit it in place. False holds it: `Proxy.pass_on` releases it later."""

    def own_response(self, client: ClientTransaction, response: Response, now: float) -> None:
        """A response to a request of the user itself (`Proxy.layer.send_request` with a context that is no Branch)."""

    def own_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        """A request of the user itself failed."""

    def flow_failed(self, target: Target, status: int, now: float) -> None:
        """The flow of `target` is dead: 430 of an edge proxy, 408 without any answer, or 503 of the transport."""

    def own_timer_c(self, client: ClientTransaction, now: float) -> None:
        """An INVITE of the user itself has been ringing for too long (RFC 3261 §16.8)."""

    def finished(self, context: Context, status: int, now: float) -> None:
        """The final response `status` of `context` went upstream."""
