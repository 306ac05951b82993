"""Calls whose media this node carries: when, over which legs, and the SDP on its way through.

A message that needs ports which are not there yet is held until the relay has answered; everything else passes at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from seaway.call.call_index import CallIndex
from seaway.call.config import ControlConfig
from seaway.call.description import described_by, has_sdp
from seaway.call.events import LogEvent, MediaCommand
from seaway.call.held import Edit, Held, Proceed, Refuse
from seaway.call.legs import Legs
from seaway.call.rates import NoBandwidth, Rates
from seaway.call.record import Call, MediaUser
from seaway.call.rewriting import rewrite
from seaway.call.sdp_anchor import not_carried
from seaway.call.zones import DEFAULT_ZONE, Zone
from seaway.core.sip.context import Branch, Context
from seaway.core.sip.io import Flow
from seaway.media import protocol as media
from seaway.wire.errors import WireError
from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.session import parse_sdp
from seaway.wire.sip.message import Message, Request, Response
from seaway.wire.sip.nameaddr import tag_of, uri_of

__all__ = ["Anchor"]

_OFFERS = frozenset((b"INVITE", b"UPDATE", b"PRACK"))
_PATIENCE = 5.0  # seconds that a message waits for the relay
_MAX_HELD = 32  # messages of one call that wait for the relay; more are repetitions
_HISTORY = 200  # ended calls that `seaway status history` shows


class Anchor:
    """The anchored calls of one node."""

    def __init__(self, config: ControlConfig, outputs: deque[Any], random: Callable[[int], bytes]) -> None:
        self._config = config
        self._outputs = outputs
        self._random = random
        self._ready = False
        self.revive: Callable[[Call, float], None] = lambda call, now: None  # `B2bua.revive`
        self._legs = Legs(config)
        self.rates = Rates(config)
        self._links = frozenset(b"z" + zone.name.encode() for zone in config.traversal)  # their route tokens
        self._calls = CallIndex(self._links)
        self._sessions: dict[str, Call] = {}
        self._held: dict[int, list[Held]] = {}  # by number of the command: in order, all of one call
        self._closing: dict[int, Call] = {}
        self._history: deque[Call] = deque(maxlen=_HISTORY)
        self._request = 0
        self._lost_at: float | None = None  # when the relay went away
        self._asked_for: frozenset[str] = frozenset()  # sessions known when the relay was asked for its own

    # -- the relay

    def relay_ready(self) -> None:
        """Ask for the sessions that outlived us."""
        self._ready, self._lost_at = True, None
        self._asked_for = frozenset(self._sessions)
        self._command(media.List(self._number()))

    def relay_lost(self, now: float) -> None:
        """What waits for the relay is refused. Calls stay: established media goes on without the relay process, and
        its successor takes the sessions over, or says that it has not."""
        self._ready, self._lost_at = False, now
        held = [each for waiting in self._held.values() for each in waiting]
        self._held.clear()
        self._closing.clear()
        for each in held:
            each.call.waiting = 0
            each.refuse(503, "the media relay does not answer")

    def _end_lost(self, sessions: Iterable[str], now: float) -> None:
        for name in list(sessions):
            if (call := self._sessions.get(name)) is not None:
                self.end(call, "the media relay was lost", now, tell_relay=False)

    def relay_message(self, message: media.Reply | media.Event, now: float) -> None:
        """Replies and events."""
        if isinstance(message, media.Opened):
            self._opened(message, now)
        elif isinstance(message, media.Failed):
            self._closing.pop(message.request, None)
            self._log("media.failed", "warning", what=message.what, reason=message.reason)
            for held in self._held.pop(message.request, ()):
                held.call.waiting = 0
                held.refuse(503, f"no media: {message.reason}")
        elif isinstance(message, media.Closed):
            if (call := self._closing.pop(message.request, None)) is not None:
                call.stats = message.streams
        elif isinstance(message, media.Listed):
            for info in message.sessions:
                self._adopt(info, now)
            self._end_lost(self._asked_for.difference(info.session for info in message.sessions), now)
        elif isinstance(message, media.Idle):
            if (call := self._sessions.get(message.session)) is not None and message.seconds >= self._config.media_idle:
                self.end(call, f"no media for {message.seconds:.0f} s", now)
        elif isinstance(message, media.SecurityFailed) and message.session in self._sessions:
            call = self._sessions[message.session]
            self._log("media.not_protected", "warning", what=message.what, leg=message.leg, **call.facts())
            self.end(call, f"media cannot be protected: {message.reason}", now)

    def _opened(self, message: media.Opened, now: float) -> None:
        """Ports are there: release what waited for them."""
        waiting = self._held.pop(message.request, None)
        if waiting is None:  # too late for what asked
            known = self._sessions.get(message.session)
            if known is not None:
                known.streams.extend(message.streams)
            else:
                self._command(media.Close(self._number(), message.session))
            return
        call = waiting[0].call
        call.waiting = 0
        call.streams.extend(message.streams)
        call.fingerprint = message.fingerprint
        if call.ended is not None and not call.closed:
            self._close(call)
        for held in waiting:
            self._ports(held)

    def sweep(self, now: float) -> None:
        """Refuse what has waited for the relay for too long, end calls when it does not come back; call it every few
        seconds."""
        if self._lost_at is not None and now - self._lost_at > _PATIENCE:
            self._lost_at = None
            self._end_lost(tuple(self._sessions), now)
        late = [number for number, waiting in self._held.items() if now - waiting[0].since > _PATIENCE]
        for number in late:
            for held in self._held.pop(number):
                held.call.waiting = 0
                held.refuse(503, f"the media relay has not answered for {_PATIENCE:.0f} s")

    def _adopt(self, info: media.SessionInfo, now: float) -> None:
        """A session that lives in the relay and not here: a call from before our restart."""
        if info.session in self._sessions:
            return
        call = Call.from_label(info.session, info.label, now)
        if call is None:
            self._command(media.Close(self._number(), info.session))
            return
        call.streams = list(info.addresses)
        self._keep(call)
        if call.kept is not None:
            self.revive(call, now)
        self._log("call.taken_over", call_id=call.call_id.decode("latin-1"), session=call.session)

    # -- calls

    def wanted(self, ingress: Zone, egress: Zone | None) -> bool:
        """An edge always carries media; a core when the call crosses the traversal link, or bandwidth is counted."""
        crosses = ingress.traversal or (egress is not None and egress.traversal)
        return crosses or self._config.role == "edge" or bool(self.rates)

    def legs(
        self, ingress: Zone, flow: Flow | None, egress: Zone | None, where: object
    ) -> tuple[media.LegRequest, media.LegRequest]:
        """The legs of a call that came on `flow` and goes to `where` in `egress` (`None`: a phone here)."""
        return self._legs.towards(ingress, flow), self._legs.towards(egress or DEFAULT_ZONE, where)

    def begin(
        self, context: Context, ingress: Zone, egress: Zone | None, where: object,
        legs: tuple[media.LegRequest, media.LegRequest], alias: bytes, now: float,
    ) -> Call:  # fmt: skip
        """A new call, or a further fork of one; its session is opened with the first SDP."""
        flow = None if ingress.traversal else context.flow
        caller = context.request.require(b"from")
        return self.open(context.call_id, caller, flow, (ingress, egress), legs, alias, now, where=where)

    def open(
        self, call_id: bytes, caller: bytes, flow: Flow | None, zones: tuple[Zone, Zone | None],
        legs: tuple[media.LegRequest, media.LegRequest], alias: bytes, now: float, agent: MediaUser | None = None,
        where: object = None,
    ) -> Call:  # fmt: skip
        """The same by its parts: `caller` is a From value, `flow` where an endpoint's own signalling comes from,
        `agent` the B2BUA whose call it is, told when its media ends, `where` the place that it goes to, if known."""
        name = uri_of(caller).partition(b":")[2].partition(b";")[0].decode("latin-1")
        ingress, egress = zones[0].name, zones[1].name if zones[1] else "local"
        call = Call(
            self._random(8).hex(), call_id, tag_of(caller) or b"", name, alias.decode("latin-1"), ingress, egress, legs,
            now,
        )  # fmt: skip
        if flow is not None:
            call.sources[0] = flow.remote[0]
        if agent is not None:
            call.agent, call.mode = agent, "b2bua"
        if self.rates:
            call.places = self.rates.places(zones[0], flow, call.caller, zones[1], where, call.alias)
        self._keep(call)
        self._log("call.started", **call.facts())
        return call

    def answered(self, call: Call, now: float) -> None:
        """A 2xx of `call` went to the caller."""
        call.state, call.answered = "answered", now
        self.settled(call)
        self._log("call.answered", **call.facts())
        if not call.streams and not call.waiting:
            self.end(call, "answered without media", now)

    def settled(self, call: Call, *, failed: bool = False) -> None:
        """What both sides have said of directions counts from now on; `failed`: what they had said before."""
        if call.ended is None and self._ready:
            for command in call.directions.settled(call.session, failed=failed):
                self._command(command)

    def find(self, context: Context) -> None:
        """The call that a request inside a dialog belongs to."""
        context.call = self._calls.of(context.request, context.zone.name)

    def needs_call(self, request: Request, ingress: Zone, token: bytes) -> bool:
        """Whether SDP inside a dialog must not pass for want of its call: it would lead media past the relay."""
        if request.method not in _OFFERS or not request.body:
            return False
        return self._config.role == "edge" or ingress.traversal or token in self._links

    def carry_request(
        self, call: Call, request: Request, flow: Flow, proceed: Proceed, refuse: Refuse, now: float
    ) -> None:
        """Rewrite the SDP in a request of an anchored call, then `proceed`."""
        side = call.side_of(tag_of(request.require(b"from")) or b"")
        answer = request.method == b"PRACK" and call.security.unanswered not in (None, side)
        self.carry(call, request, side, flow, proceed, refuse, now, answer=answer)

    def carry_ack(self, request: Request, flow: Flow, zone: Zone, proceed: Proceed, now: float) -> None:
        """The same for an ACK, which nobody answers."""
        call = self._calls.of(request, zone.name)
        if call is None:
            proceed()
            return
        side = call.side_of(tag_of(request.require(b"from")) or b"")
        self.carry(call, request, side, flow, proceed, self._drop, now, answer=True)

    def carry_response(self, branch: Branch, response: Response, proceed: Proceed, refuse: Refuse, now: float) -> bool:
        """The same for a response. False: it is held, or was dropped; `refuse` is for what the caller waits for."""
        if response.status >= 300:
            return True
        call: Call = branch.call
        if branch.context.token is None:
            if response.status < 200:
                self._calls.early(call, tag_of(response.require(b"to")))
            elif call.ended is not None:
                return True  # another fork was faster: the caller ends this one (RFC 3261 §13.2.2.4)
            elif call.callee_tag is None:
                call.callee_tag = tag_of(response.require(b"to"))
        side: media.LegName = "b" if call.side_of(tag_of(response.require(b"from")) or b"") == "a" else "a"
        flow = branch.client.flow if branch.client is not None else None
        done: list[bool] = []
        # A response must not be sent twice: while this call runs, `proceed` only notes that nothing has to wait.
        waiting = [False]

        def on_ready() -> None:
            if waiting[0]:
                proceed()
            else:
                done.append(True)

        def on_refusal(status: int, why: str) -> None:
            self._drop(status, why)
            if response.status >= 200:
                refuse(status, why)

        answer = has_sdp(branch.context.request)
        self.carry(call, response, side, flow, on_ready, on_refusal, now, answer=answer)
        waiting[0] = True
        return bool(done)

    def finished(self, context: Context, status: int, now: float) -> None:
        """A final response to a request inside the dialog of an anchored call went out."""
        call: Call = context.call
        if context.request.method in _OFFERS and call.state == "answered":
            self.settled(call, failed=status >= 300)
        if context.request.method == b"BYE" and status not in (401, 407):
            tags = [tag_of(context.request.require(name)) or b"" for name in (b"from", b"to")]
            if call.callee_tag is not None and call.callee_tag not in tags:
                return  # the dialog of another fork, which the caller does not want (RFC 3261 §13.2.2.4)
            reason = f"hung up by the {'caller' if call.side_of(tags[0]) == 'a' else 'callee'}"
            for each in (call, *self._calls.twins(call)):
                self.end(each, reason, now)

    def snapshot(self, kind: str, now: float) -> list[dict[str, object]]:
        """Live calls, or the history."""
        calls = list(self._sessions.values()) if kind == "calls" else list(self._history)
        return [{**call.snapshot(now), "kbps": self.rates.granted(call.session)} for call in calls]

    # -- inside

    def carry(
        self, call: Call, message: Message, side: media.LegName, flow: Flow | None, proceed: Proceed, refuse: Refuse,
        now: float, *, answer: bool, edit: Edit | None = None,
    ) -> None:  # fmt: skip
        """Rewrite the SDP of `message`, sent by `side`, then `proceed`, at once or later; `edit` changes it first."""
        if not has_sdp(message):
            proceed()
            return
        try:
            sdp = parse_sdp((described := described_by(message)).sdp)
            source = call.sources[0 if side == "a" else 1]
            zone = call.ingress if side == "a" else call.egress
            if source is None and flow is not None and flow.zone is None and zone in ("default", "local"):
                source = flow.remote[0]
        except SdpError as error:
            refuse(error.status, f"SDP: {error}")
            return
        self._ports(Held(call, message, described, sdp, side, source, proceed, refuse, now, answer, edit))

    def _ports(self, held: Held) -> None:
        """Go on when there is a stream for each media description, else ask for more; one question at a time."""
        call = held.call
        missing = len(held.sdp.media) - len(call.streams)
        if missing <= 0 or call.ended is not None:
            self._finish(held)
            return
        if call.waiting:
            if len(self._held[call.waiting]) < _MAX_HELD:
                self._held[call.waiting].append(held)
            return
        if not self._ready:
            held.refuse(503, "the media relay does not answer")
            return
        number = call.waiting = self._number()
        if not call.streams:
            call.legs = self._legs.meeting(call.legs, held.side, held.sdp)
        streams = tuple(media.StreamRequest(*call.legs) for _ in range(missing))
        self._held[number] = [held]
        if call.streams:
            self._command(media.AddStreams(number, call.session, streams))
        else:
            self._command(media.Open(number, call.session, call.label(), streams))

    def _finish(self, held: Held) -> None:
        """The ports are there: tell the relay about the sender, rewrite, go on."""
        call = held.call
        if call.ended is not None:
            held.refuse(487, "the call ended meanwhile")
            return
        if not self._ready:
            held.refuse(503, "the media relay does not answer")
            return
        for what in not_carried(held.sdp):
            self._log("media.not_carried", "warning", what=what, why="the relay carries UDP only", **call.facts())
        try:
            commands, body = rewrite(held, self._legs, self.rates)
        except (WireError, NoBandwidth) as error:
            held.refuse(488, f"SDP: {error}" if isinstance(error, WireError) else f"there is no bandwidth: {error}")
            return
        for command in commands:
            self._command(command)
        if held.answer and not isinstance(held.message, Response) and call.state == "answered":
            self.settled(call)  # an ACK, or the B2BUA's
        held.message.set_body(body)
        held.proceed()

    def _keep(self, call: Call) -> None:
        self._calls.keep(call)
        self._sessions[call.session] = call

    def end(self, call: Call, reason: str, now: float, *, tell_relay: bool = True) -> None:
        """The call is over."""
        if call.ended is not None:
            return
        call.ended, call.state, call.reason = now, "ended", reason
        self._calls.drop(call)
        self._sessions.pop(call.session, None)
        self.rates.release(call.session)
        self._history.append(call)
        if not tell_relay:
            call.closed = True
        elif call.streams:
            self._close(call)
        self._log("call.ended", reason=reason, **call.facts())
        if call.agent is not None:
            agent, call.agent = call.agent, None
            agent.media_ended(reason, now)

    def _close(self, call: Call) -> None:
        call.closed = True
        number = self._number()
        self._closing[number] = call
        self._command(media.Close(number, call.session))

    def _drop(self, status: int, why: str) -> None:
        self._log("media.message_dropped", "warning", why=why)

    def _number(self) -> int:
        self._request += 1
        return self._request

    def _command(self, command: media.Command) -> None:
        self._outputs.append(MediaCommand(command))

    def _log(self, event: str, level: str = "info", /, **fields: object) -> None:
        self._outputs.append(LogEvent(event, fields, level))
