"""Call policy asked about a request, before it is looked for: ordered rules, then a script or a policy service.

`Screening.screen` answers at once or, when the service is asked, later. What a script says about the end of a call (its
`busy`, `noanswer`... outputs) is heard through `Screened.run`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from seaway.call.admission import Refusal
from seaway.call.events import AskPolicy, LogEvent
from seaway.call.facts import caller_alias, facts_of, party_of_uri
from seaway.core.sip.context import Context
from seaway.policy.call_policy import CallPolicy
from seaway.policy.call_rules import Caller
from seaway.policy.cpl.errors import CplError
from seaway.policy.cpl.facts import CallFacts, Party
from seaway.policy.cpl.nodes import Script
from seaway.policy.cpl.read import read_script
from seaway.policy.cpl.run import AskWhere, Continue, Decision, ProxyTo, RedirectTo, RejectWith, Run
from seaway.policy.service import ServiceSettings, form_of

__all__ = ["Screened", "Screening"]

_MAX_ASKED = 1000  # calls that wait for the service; more are decided by its default


@dataclass(frozen=True, slots=True)
class Screened:
    """What policy says: exactly one of `refusal`, `redirect`, `send` and none (the call goes on as it is)."""

    refusal: Refusal | None = None
    redirect: RedirectTo | None = None
    send: ProxyTo | None = None
    run: Run | None = None  # to be told how the call ends, when `send.more`


Done = Callable[[Screened, float], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call that waits for the policy service."""

    context: Context
    facts: CallFacts
    done: Done


class Screening:
    """Call policy of one node. `lookup(uri)` gives the contacts that are registered under a URI."""

    def __init__(
        self, policy: CallPolicy, lookup: Callable[[bytes, float], list[str]], outputs: deque[Any],
        counters: Counter[str],
    ) -> None:  # fmt: skip
        self._policy = policy
        self._lookup = lookup
        self._outputs = outputs
        self._counters = counters
        self._asked: dict[int, _Asked] = {}
        self._token = 0

    def __bool__(self) -> bool:
        return bool(self._policy)

    def screen(self, context: Context, zone: str, caller: str, alias: str, wall: float, now: float, done: Done) -> None:
        """Decide on the request of `context` for `alias`, then `done(screened, now)`, at once or later.

        `zone` is where it comes from, `caller` the name that was proved (empty: none), `wall` the Unix time.
        """
        said = Caller(zone, caller_alias(context), bool(caller) or context.authenticated)
        ask = context.request.method == b"INVITE"
        self._screen(context, said, alias, lambda: facts_of(context, zone, caller, wall), done, now, ask=ask)

    def refer(
        self, context: Context, zone: str, referrer: Party, authenticated: bool, uri: bytes, alias: str, wall: float,
        now: float, done: Done,
    ) -> None:  # fmt: skip
        """Decide whether `referrer`, who sent the REFER of `context`, may have `uri` called, as for a call of his."""
        name = f"{referrer.user}@{referrer.host}" if referrer.user and referrer.host else ""
        proved = name if authenticated else ""

        def facts() -> CallFacts:
            there = party_of_uri(uri)
            found = facts_of(context, zone, proved, wall)
            return replace(found, origin=referrer, destination=there, original_destination=there)

        self._screen(context, Caller(zone, name, authenticated), alias, facts, done, now, ask=True)

    def _screen(
        self, context: Context, said: Caller, alias: str, facts_of_it: Callable[[], CallFacts], done: Done, now: float,
        *, ask: bool,
    ) -> None:  # fmt: skip
        """Rules first; then, when that is to be asked, script or service."""
        rule = self._policy.rules.decide(said, alias)
        if rule is not None and rule.action == "reject":
            self._counters["policy.rejected"] += 1
            why = f"call rule {rule.priority} rejects it"
            done(Screened(Refusal(rule.status, why, phrase=rule.reason)), now)
            return
        if not ask or (self._policy.script is None and self._policy.always is None):
            done(Screened(), now)
            return
        facts = facts_of_it()
        if self._policy.always is not None:
            self._ask(self._policy.always, context, facts, done, now)
        elif self._policy.script is not None:
            self._decide(self._policy.script, facts, done, now)

    def consult(
        self, context: Context, zone: str, caller: str, uri: bytes, wall: float, now: float, done: Done
    ) -> None:
        """Ask the policy service where to look for `uri`, for a search rule that leads to it; `done` as in `screen`."""
        service = self._policy.service
        if service is None:
            done(Screened(), now)
            return
        facts = replace(facts_of(context, zone, caller, wall), destination=party_of_uri(uri))
        self._ask(service, context, facts, done, now)

    def answered(self, token: int, body: bytes | None, problem: str, now: float) -> None:
        """What the policy service said to an `AskPolicy`: a script, or `None` and one line why there is none."""
        asked = self._asked.pop(token, None)
        if asked is None:
            return
        if body is not None:
            try:
                script = read_script(body)
            except CplError as error:
                problem = f"its answer is no script: {error}"
            else:
                self._decide(script, asked.facts, asked.done, now)
                return
        self._default(problem, asked.done, now)

    def further(self, decision: Decision, run: Run, now: float) -> Screened | None:
        """What a decision that came later means for the call; `None`: nothing, its outcome stands."""
        return None if isinstance(decision, Continue) else self._screened(decision, run, now)

    # -- inside

    def _ask(self, service: ServiceSettings, context: Context, facts: CallFacts, done: Done, now: float) -> None:
        if len(self._asked) >= _MAX_ASKED:
            self._default(f"{_MAX_ASKED} calls wait for it already", done, now)
            return
        self._token += 1
        self._asked[self._token] = _Asked(context, facts, done)
        flow = context.flow
        method = "INVITE" if context.request.method == b"REFER" else context.request.method.decode("ascii")
        form = form_of(
            facts, method=method, call=str(self._token), address=flow.remote[0],
            port=flow.remote[1], transport=flow.transport,
        )  # fmt: skip
        self._outputs.append(AskPolicy(self._token, form))

    def _default(self, problem: str, done: Done, now: float) -> None:
        """The service does not decide: its default does."""
        service = self._policy.service
        assert service is not None
        self._counters["policy.service.failed"] += 1
        fields: dict[str, object] = {"url": service.url, "problem": problem, "default": service.default}
        self._outputs.append(LogEvent("policy.service.failed", fields, "warning"))
        if service.default == "allow":
            done(Screened(), now)
        else:
            done(Screened(Refusal(service.status, f"the policy service does not decide: {problem}")), now)

    def _decide(self, script: Script, facts: CallFacts, done: Done, now: float) -> None:
        run = Run(script, "outgoing" if facts.caller and script.has_outgoing else "incoming", facts)
        done(self._screened(run.start(), run, now), now)

    def _screened(self, decision: Decision, run: Run, now: float) -> Screened:
        if isinstance(decision, AskWhere):
            contacts = self._lookup(run.facts.destination.uri.encode(), now)
            decision = run.looked_up("success", contacts) if contacts else run.looked_up("notfound")
            if isinstance(decision, AskWhere):  # one lookup after another: the second finds what the first did
                decision = Continue()
        for kind, name, text in run.take_notes():
            self._outputs.append(LogEvent(f"policy.{kind}", {"name": name, "text": text}))
        if isinstance(decision, RejectWith):
            self._counters["policy.rejected"] += 1
            return Screened(Refusal(decision.status, "the policy script rejects it", phrase=decision.reason))
        if isinstance(decision, RedirectTo):
            return Screened(redirect=decision)
        if isinstance(decision, ProxyTo):
            return Screened(send=decision, run=run)
        return Screened()
