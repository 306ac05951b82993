"""A stateful SIP proxy (RFC 3261 §16): validation, forwarding, response contexts, CANCEL.

Sans-IO. What to do with a request is decided by a `ProxyUser` (call control): it is given a `Context` and answers with
`forward` or `reject`, at once or later. The proxy keeps the branches, picks the best response, and edits messages.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seaway.core.sip.build import build_cancel, build_response, build_trying
from seaway.core.sip.carrier import Carrier
from seaway.core.sip.client import ClientTransaction
from seaway.core.sip.context import Branch, Context, ProxyUser, Target
from seaway.core.sip.forking import max_breadth, merge_challenges, share_of
from seaway.core.sip.io import Flow, Hop
from seaway.core.sip.layer import TransactionLayer
from seaway.core.sip.loops import loops
from seaway.core.sip.onward import Onward
from seaway.core.sip.ranking import rank
from seaway.core.sip.routing import max_forwards, pop_own_routes, restore_strict
from seaway.core.sip.server import ServerTransaction
from seaway.core.sip.sides import Sides
from seaway.core.sip.states import State
from seaway.core.sip.timers import T1, TIMEOUT
from seaway.core.sip.tokens import RouteTokens
from seaway.core.sip.topvia import MAGIC, pop_via
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Request, Response, parse

__all__ = ["Proxy"]

_AMPLIFICATION = 3  # octets sent for each octet received, to somebody unknown over UDP


class Proxy:
    """The proxy of one node: implements `TransactionUser` on its own `TransactionLayer`."""

    def __init__(
        self,
        user: ProxyUser,
        sides: Sides,
        tokens: RouteTokens,
        outputs: deque[Any],
        counters: Counter[str],
        boot: bytes,
        random: Callable[[int], bytes],
    ) -> None:
        self._user = user
        self._sides = sides
        self._tokens = tokens
        self._prefix = MAGIC + boot
        self._counter = 0
        self._boot = boot
        self.counters = counters
        self.layer = TransactionLayer(self, outputs, counters)
        onward = Onward(sides, tokens, self._prefix)
        self.carrier = Carrier(onward, sides, self.layer, outputs, counters, random, self.fail)
        self.locator = self.carrier.locator

    # -- TransactionUser

    def request_received(self, server: ServerTransaction, request: Request, flow: Flow, now: float) -> None:
        context = Context(server, request, flow, request.require(b"call-id"))
        server.context = context
        try:
            left = context.hops = max_forwards(request)
            if b"max-breadth" in request.names:
                context.breadth = max_breadth(request)
            own = self._own_route(request)
            if own:
                context.token = self._tokens.check(own, context.call_id)
                if context.token is None:
                    context.path = self._tokens.check_path(own) or b""
        except WireError as error:
            self.reject(context, error.status if isinstance(error, SipError) else 400, now)
            return
        if left < 0:
            self.reject(context, 483, now)
            return
        if loops(request, context.token, self._prefix):
            self.reject(context, 482, now)
            return
        if b"proxy-require" in request.names:
            self.reject(context, 420, now, headers=((b"Unsupported", request.require(b"proxy-require")),))
            return
        self._user.route(context, now)

    def ack_received(self, request: Request, flow: Flow, now: float) -> None:
        if max_forwards(request) < 0:
            return
        token = self.take_route(request, request.require(b"call-id"))
        self._user.route_ack(request, token, flow, now)

    def cancel_received(self, server: ServerTransaction, request: Request, now: float) -> None:
        context = server.context
        if not isinstance(context, Context) or context.cancelled:
            return
        context.cancelled = True
        if context.agent is not None:
            context.agent.cancelled(now)
        elif all(branch.final is not None for branch in context.branches):  # none yet, or between steps of a search
            self.reject(context, 487, now)
            context.release()
        else:
            self.cancel_branches(context, now)

    def response_received(self, client: ClientTransaction, response: Response, now: float) -> None:
        branch = client.context
        if not isinstance(branch, Branch):
            if branch is not None:
                self._user.own_response(client, response, now)
            return
        status = response.status
        if status < 200:
            branch.ringing = True
            if status > 100:
                branch.early = True
            if branch.cancel and not client.cancelled:
                self._send_cancel(branch, now)
            if status == 100:
                return
        try:
            pop_via(response)
            if b"via" not in response.names:
                raise SipError("a response has no Via but ours", section="RFC 3261 §16.7 step 3")
            if status < 300:
                if self._user.response(branch, response, now):
                    self.pass_on(branch, response, now)
                return
        except WireError:
            self.counters["sip.response.unusable"] += 1
            if status >= 200:
                self.fail(branch, 502, now)
            return
        if status == 503 and branch.more and self.carrier.try_next(branch, now):
            return
        if status in (408, 430) and self._next_flow(branch, status, now):
            return
        branch.final = response
        self._conclude(branch.context, now)

    def client_failed(self, client: ClientTransaction, status: int, reason: str, now: float) -> None:
        branch = client.context
        if not isinstance(branch, Branch):
            if branch is not None:
                self._user.own_failed(client, status, reason, now)
            return
        self.counters[f"sip.branch.failed.{status}"] += 1
        branch.why = reason
        if self.carrier.failed(branch, status, now):
            return
        if branch.ringing or not self._next_flow(branch, status, now):
            self.fail(branch, status, now)

    def timer_c(self, client: ClientTransaction, now: float) -> None:
        branch = client.context
        if isinstance(branch, Branch):
            branch.cancel = True
            self._send_cancel(branch, now)
        elif branch is not None:
            self._user.own_timer_c(client, now)

    # -- for the user

    def forward(
        self, context: Context, targets: list[Target], now: float, request: Request | None = None, call: Any = None,
        share: int = 1,
    ) -> None:  # fmt: skip
        """Send the request to all `targets` at once (RFC 3261 §16.6), beside those it was sent to before.

        `request` is an edited copy to send instead; `call` is the user's and stands in the branches; `share` is how
        many calls of `forward` divide the breadth among them (RFC 5393 §5.3.3). Nothing happens after a CANCEL or a
        final response; 440 when no branch may be added.
        """
        if context.cancelled or context.server.request is None:
            return
        breadth = share_of(context, len(targets), share)
        if breadth == 0:
            if not context.branches:
                self.reject(context, 440, now)
            return
        begun = [Branch(context, target, request or context.request, call, breadth) for target in targets]
        context.branches += begun
        for branch in begun:
            self.carrier.send(branch, now)

    def give_up(self, context: Context, now: float) -> None:
        """A search that went on has found nothing more: the best response so far goes upstream."""
        if context.server.request is not None and not context.cancelled:
            self._conclude(context, now)

    def forward_ack(self, request: Request, target: Target, now: float) -> None:
        """Send an ACK for a 2xx on, stateless (RFC 3261 §16.11)."""
        self.carrier.send_ack(request, target, now)

    def trying(self, context: Context, now: float) -> None:
        """Send 100 Trying for an INVITE."""
        self.layer.respond(context.server, build_trying(context.request), 100, now)

    def reject(
        self,
        context: Context,
        status: int,
        now: float,
        *,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        reason: str | None = None,
    ) -> None:
        """Answer the request ourselves, with a final response; ignored when there was one."""
        server = context.server
        if server.request is None:
            return
        data = build_response(context.request, status, tag=self._tag(), headers=headers, reason=reason).serialise()
        if context.admitted:
            self.layer.respond(server, data, status, now)
        elif server.flow.transport == "udp" and len(data) > _AMPLIFICATION * len(context.request.serialise()):
            self.counters["sip.response.too_large"] += 1  # the source may be forged: no amplifier
            self.layer.forget(server)
        else:
            self.layer.respond_once(server, data)
        self._user.finished(context, status, now)

    def pass_on(self, branch: Branch, response: Response, now: float) -> None:
        """Send a response (our Via removed) upstream."""
        context = branch.context
        status = response.status
        first = context.server.request is not None
        self._respond(context, response, now)
        if 200 <= status < 300:
            branch.final = _SENT
            if first:
                self._user.finished(context, status, now)
            if len(context.branches) > 1:
                self.cancel_branches(context, now)
            context.release()

    def fail(self, branch: Branch, status: int, now: float) -> None:
        """The final response of `branch` cannot be used: it counts as `status` of our own."""
        if branch.final is None:
            branch.final = build_response(branch.context.request, status, tag=self._tag())
            self._conclude(branch.context, now)

    def cancel_branches(self, context: Context, now: float) -> None:
        """CANCEL every branch without a final response."""
        for branch in context.branches:
            if branch.final is None and not branch.cancel:
                branch.cancel = True
                if branch.ringing:
                    self._send_cancel(branch, now)
                elif branch.client is None:  # it is still being located
                    self.fail(branch, 487, now)

    def take_route(self, request: Request, call_id: bytes) -> bytes | None:
        """Remove our own Route values; the payload of the token they carried, when it is one of ours."""
        user = self._own_route(request)
        return self._tokens.check(user, call_id) if user else None

    def flow_failed(self, target: Target, status: int, now: float) -> None:
        """Somebody else than the proxy found the flow of a target dead."""
        if target.mark is not None:
            self._user.flow_failed(target, status, now)

    def path_value(self, where: Flow | Hop, payload: bytes, outbound: bool) -> bytes:
        """A Path value that leads requests from `where` to us, and on to what `payload` names."""
        return self._sides.path(where, self._tokens.make_path(payload), outbound)

    # -- inside

    def _own_route(self, request: Request) -> bytes | None:
        """Remove our own Route values (RFC 3261 §16.4); the user part of the last one."""
        own = self._sides.own
        user = pop_own_routes(request, own)
        if user is None:
            user = restore_strict(request, own)
            if user is not None:
                user = pop_own_routes(request, own) or user
        return user

    def _next_flow(self, branch: Branch, status: int, now: float) -> bool:
        """The flow of `branch` is dead: go on with another of the device (RFC 5626 §7). False: the status stands."""
        target, context = branch.target, branch.context
        self.flow_failed(target, status, now)
        if not target.others or context.cancelled or branch.cancel:
            if status == 430:  # is between proxies: the caller is told that nobody can be reached
                self.fail(branch, 480, now)
            return status == 430
        context.branches.remove(branch)
        self.counters["sip.flow.next"] += 1
        following = replace(target.others[0], others=target.others[1:])
        self.forward(context, [following], now, branch.request, branch.call)
        return True

    def _send_cancel(self, branch: Branch, now: float) -> None:
        client = branch.client
        if client is None or client.cancelled or not client.invite or client.state is not State.PROCEEDING:
            return
        self.layer.cancelling(client, now)
        request = parse(client.data)
        assert isinstance(request, Request)
        target = client.flow or client.hop
        assert target is not None
        self.layer.send_request(client.key, b"CANCEL", build_cancel(request), target, None, now)

    def _conclude(self, context: Context, now: float) -> None:
        """RFC 3261 §16.7 steps 5 and 6: when all branches are final, send the best response."""
        if context.server.request is None:  # a 2xx has gone already
            context.release()
            return
        finals = [branch for branch in context.branches if branch.final is not None]
        if any(branch.final is not None and branch.final.status >= 600 for branch in finals):
            self.cancel_branches(context, now)
            if context.server.request is None:  # that ended the last one
                return
        if len(finals) < len(context.branches):
            return
        if not finals:  # a search that never got as far as a branch
            self.reject(context, 480, now)
            return
        best = min(finals, key=rank)
        response = best.final
        assert response is not None
        search = context.search
        if search is not None and response.status < 600 and not context.cancelled and search.exhausted(response, now):
            return
        if len(finals) > 1:
            merge_challenges(response, (each.final for each in finals if each.final is not None))
        self._user.response(best, response, now)
        if response.status == 408 and not context.server.invite:
            self._never_408(context, now)
        else:
            self._respond(context, response, now)
        self._user.finished(context, response.status, now)
        context.release()

    def _never_408(self, context: Context, now: float) -> None:
        """A request that is no INVITE gets no answer: whoever asked gives up at the same time, so a 408 would only add
        to a storm of them (RFC 4320 §4.2). When there is time left, since servers were given up sooner: 504."""
        if now - context.server.started < TIMEOUT - T1:
            self._respond(context, build_response(context.request, 504, tag=self._tag()), now)
        else:
            self.counters["sip.response.too_late"] += 1
            self.layer.forget(context.server)

    def _respond(self, context: Context, response: Response, now: float) -> None:
        server = context.server
        if server.flow.transport != "udp" and b"content-length" not in response.names:
            response.set_body(response.body)  # a stream needs it (RFC 3261 §16.6 step 9)
        self.layer.respond(server, response.serialise(), response.status, now)

    def _tag(self) -> bytes:
        self._counter += 1
        return b"%b%x" % (self._boot, self._counter)


_SENT = Response(200, b"OK", [], [], b"")  # stands for a 2xx that went upstream
