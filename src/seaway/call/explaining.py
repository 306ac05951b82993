"""What a search would do (`seaway locate`) and what one did (`seaway search`), in words. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from seaway.call.alias_uri import number_of, uri_of_alias, with_domain
from seaway.call.config import ControlConfig
from seaway.call.finding import Finder
from seaway.call.plans import Decisions
from seaway.call.search_record import SearchRecord, place_shown
from seaway.call.views import printable, text_of
from seaway.core.sip.io import Place
from seaway.policy.call_rules import Caller
from seaway.policy.plan import Query, Source, Verdict
from seaway.policy.search_settings import POLICY_SERVICE, REGISTRATIONS, Transform

__all__ = ["Asked", "Explained", "Explaining"]

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """The question of `seaway locate`. `zone`: "local", "default" or the name of a zone."""

    alias: str
    zone: str = "local"
    source: str = ""  # alias of the caller: call policy looks at it, search rules do not
    protocol: str = "sip"
    authenticated: bool = False


@dataclass(slots=True)
class Explained:
    """Rows in the order of what happens. `places` and `numbers` are what only the DNS can tell, with their rows."""

    rows: list[Row] = field(default_factory=list)
    places: list[tuple[Row, Place]] = field(default_factory=list)
    numbers: list[tuple[Row, str, str]] = field(default_factory=list)  # digits, suffix


class Explaining:
    """Of one node. Without `finder` there is no node running: targets have no state."""

    def __init__(
        self, config: ControlConfig, decisions: Decisions, finder: Finder | None,
        records: Iterable[SearchRecord] = (),
    ) -> None:  # fmt: skip
        self._config = config
        self._decisions = decisions
        self._finder = finder
        self._records = records
        self._enum = {each.name: each.suffix for each in config.enum_zones}
        self._kinds = {
            **{each.name: f"traversal {each.role}" for each in config.traversal},
            **{each.name: "neighbour" for each in config.neighbours},
            **{each.name: "dns" for each in config.dns_zones},
            **{each.name: "enum" for each in config.enum_zones},
            REGISTRATIONS: "local",
            POLICY_SERVICE: "policy service",
        }

    def locate(self, asked: Asked, now: float) -> Explained:
        """Every transform and rule in order, why it applies or not, and where its target is. Raises `ValueError`."""
        query = Query(asked.alias, self._source(asked.zone), _protocol(asked.protocol), asked.authenticated)
        if not asked.alias.isascii():
            raise ValueError("an alias is ASCII")
        decision, verdicts = self._decisions.plan.explain(query)
        out = Explained()
        out.rows.append(
            {
                "what": "request", "alias": asked.alias, "zone": query.source.name, "protocol": query.protocol,
                "authenticated": asked.authenticated, **({"source": asked.source} if asked.source else {}),
            }
        )  # fmt: skip
        self._policy(asked, query.source.name, out)
        out.rows.append(_transform(decision.transform, decision.alias))
        for verdict in verdicts:
            self._rule(verdict, out, now)
        names = [f"{step.priority}: {', '.join(each.rule.target for each in step.choices)}" for step in decision.steps]
        why = decision.problem or ("" if names else "no search rule matches: 404")
        out.rows.append({"what": "steps", "steps": names, "why": why})
        return out

    def search(self, key: str, now: float) -> Explained:
        """One of the last searches, by its number or its Call-ID (the latest), with the rules as they were asked.

        Raises `ValueError`.
        """
        call_id = key.encode("utf-8", "surrogateescape")
        kept = reversed(list(self._records))
        record = next((each for each in kept if str(each.number) == key or each.call_id == call_id), None)
        if record is None:
            raise ValueError(f"there is no search {key} among the last; `seaway status searches` lists them")
        out = Explained()
        out.rows.append({"what": "request", **record.row(now), "call_id": text_of(record.call_id)})
        if record.decision is not None:
            query = record.decision.query
            _, verdicts = self._decisions.plan.explain(query)
            out.rows.append(_transform(record.decision.transform, record.decision.alias))
            out.rows += [_verdict(each) for each in verdicts]
        out.rows += record.attempts_shown()
        out.rows.append({"what": "answer", "status": record.status or "none yet", "why": record.why})
        return out

    # -- inside

    def _source(self, name: str) -> Source:
        if name in ("local", "local-zone"):
            return Source("local", "local")
        if name in ("default", "default-zone"):
            return Source("default", "default")
        if self._kinds.get(name) in ("traversal client", "traversal server", "neighbour"):
            return Source(name)
        known = sorted(name for name, kind in self._kinds.items() if kind.startswith(("traversal", "neighbour")))
        raise ValueError(f"nothing comes from a zone {name!r}; there are {', '.join(('local', 'default', *known))}")

    def _policy(self, asked: Asked, zone: str, out: Explained) -> None:
        """What the ordered rules of call policy say; scripts and services need the whole request."""
        policy = self._config.policy
        if not policy:
            return
        rule = policy.rules.decide(Caller(zone, asked.source, asked.authenticated), asked.alias)
        row: Row = {"what": "policy", "rule": rule.priority if rule is not None else None}
        row["action"] = rule.action if rule is not None else "allow"
        if rule is not None and rule.action == "reject":
            row |= {"status": rule.status, "why": "the search does not begin"}
        elif policy.script is not None or policy.always is not None:
            row["why"] = "the policy service is asked" if policy.always is not None else "the script decides on calls"
        out.rows.append(row)

    def _rule(self, verdict: Verdict, out: Explained, now: float) -> None:
        row = _verdict(verdict)
        out.rows.append(row)
        if verdict.alias is None:
            return
        target = verdict.rule.target
        row["kind"] = self._kinds.get(target, "unknown")
        if target in self._enum:
            digits = number_of(verdict.alias)
            if digits is None:
                row["state"] = "the alias is no E.164 number"
            else:
                row["state"] = f"asked for {digits} under {self._enum[target]}"
                out.numbers.append((row, digits, self._enum[target]))
            return
        if target == POLICY_SERVICE:
            row["state"] = "asked when a request is looked for"
            return
        if self._finder is None:
            return
        domain = self._config.domains[0].lower()
        alias = with_domain(verdict.alias, domain)
        uri = uri_of_alias(b"sip", alias)
        if uri is None:
            row["state"] = f"{alias} cannot stand in a Request-URI"
            return
        found = self._finder.find(target, alias.encode("ascii"), uri, now)
        if not found.targets:
            row["state"] = f"{found.status}: {found.why}"
            return
        targets = [*found.targets, *(each for group in found.later for each in group)]
        row["state"] = "active"
        row["targets"] = [place_shown(each) for each in targets]
        out.places += [(row, each.where) for each in targets if isinstance(each.where, Place)]


def _protocol(text: str) -> Literal["sip", "h323"]:
    if text not in ("sip", "h323"):
        raise ValueError("a protocol is sip or h323")
    return "sip" if text == "sip" else "h323"


def _transform(transform: Transform | None, alias: str) -> Row:
    alias = printable(alias)
    if transform is None:
        return {"what": "transform", "applied": None, "alias": alias}
    name = f"{transform.priority} {transform.description}".strip()
    return {"what": "transform", "applied": name, "alias": alias}


def _verdict(verdict: Verdict) -> Row:
    rule = verdict.rule
    return {
        "what": "rule", "priority": rule.priority, "name": rule.name, "target": rule.target,
        "applies": verdict.alias is not None, "why": verdict.why,
        **({"alias": verdict.alias} if verdict.alias is not None else {}),
    }  # fmt: skip
