"""The proof: run calls, then check that exactly the catalog's rows crossed the firewalls, and that each is needed.

1. Two calls. Every packet that left a firewall belongs to exactly one row, and the counters agree with the captures.
2. Nothing opened a connection from the DMZ to the core, and nothing can.
3. A scan from the internet and from the DMZ finds only the listeners that the rows allow.
4. For each live row: without its rules, exactly the expected feature breaks.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from seaway.catalog.resolve import Resolution
from seaway.lab.beside import Beside
from seaway.lab.errors import LabError
from seaway.lab.expectations import EXPECTED, Feature, roots
from seaway.lab.firewall import Counters, forget_state, load_rules, read_counters, remote_access_text
from seaway.lab.ledger import RowBook, balance, inward_openings, live_rows
from seaway.lab.measure import Measured, measure, measure_relays
from seaway.lab.network import Network
from seaway.lab.pair import NODES, serves_turn
from seaway.lab.plan import Variant
from seaway.lab.scan import Scan, scan_tcp, udp_ports, udp_volley
from seaway.lab.session import Session
from seaway.lab.sites import Site
from seaway.lab.stage import Stage
from seaway.lab.trunks import TRUNKS
from seaway.lab.ways import WAYS
from seaway.lab.witness import Seen, Witness
from seaway.runtime.config import EngineName

__all__ = ["Proof", "prove"]

Say = Callable[[str], None]
Measuring = Callable[[Stage, Session, frozenset[Feature], bool], Measured]
_SITES = (WAYS, TRUNKS)
_REMOTE_ACCESS = frozenset({"T16-06", "T16-07", "T17-05", "Y07-01"})


@dataclass(slots=True)
class Proof:
    """What was found. `problems` are the reasons for the verdict "fail", one line each."""

    variant: Variant
    books: dict[str, RowBook] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)
    removed: dict[str, str] = field(default_factory=dict)
    scans: list[Scan] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    engine: str = ""  # that carried media; of both nodes where they differ

    @property
    def verdict(self) -> str:
        return "fail" if self.problems or self.unexplained else "pass"

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "rows": {
                row: {
                    "live": True,
                    **({"site": book.site} if book.site else {}),
                    "packets": book.packets,
                    "peers": sorted(book.peers),
                    "at": {at: {"forward": f, "reply": r} for at, (f, r) in book.at.items()},
                }
                for row, book in self.books.items()
            },
            "unexplained": self.unexplained,
            "removed": self.removed,
            "problems": self.problems,
            "dropped": self.dropped,
            "scans": [
                {"from": s.source, "to": s.target, "open": list(s.found), "allowed": list(s.allowed)}
                for s in self.scans
            ],
            "variant": self.variant,
            "engine": self.engine,
            "seconds": round(self.seconds, 1),
        }


def prove(
    name: str,
    variant: Variant,
    say: Say,
    only: frozenset[str] = frozenset(),
    engine: EngineName = "auto",
) -> Proof:
    """Run the whole proof in labs of its own, NAME and NAME-2. `only` limits step 4 to some rows. Raises LabError."""
    begin = time.monotonic()
    proof, rest = Proof(variant), Proof(variant)

    def sites(say: Say) -> None:
        beside = f"{name[:10]}-2"
        if not only or only & _REMOTE_ACCESS:
            _remote_access(beside, variant, engine, rest, say)
        for site in _SITES:
            if not only or only & site.rows:
                _site(beside, variant, engine, rest, say, site)

    with Beside(sites, say) as other:
        _first(name, variant, engine, proof, say, only)
        other.join()
    proof.books = dict(sorted((rest.books | proof.books).items()))
    proof.removed = proof.removed | rest.removed
    proof.problems += rest.problems
    proof.unexplained += rest.unexplained
    proof.seconds = time.monotonic() - begin
    return proof


def _first(name: str, variant: Variant, engine: EngineName, proof: Proof, say: Say, only: frozenset[str]) -> None:
    """The site of the first call."""
    with Stage.in_namespaces(name, variant, engine=engine) as stage:
        _calls(stage, proof, say)
        _openings(stage, proof, say)
        _scans(stage, proof, say)
        for row in proof.books:
            if not only or row in only:
                _without(stage, proof, row, say)


def _remote_access(name: str, variant: Variant, engine: EngineName, proof: Proof, say: Say) -> None:
    """The rows of TURN for remote clients, in a site of its own: elsewhere they are the same as those for SIP calls."""
    say("TURN in a site with remote access, by the rows of ICE pass-through")
    first = dict(proof.books)
    with Stage.in_namespaces(name, variant, remote_access_text(variant), engine=engine) as stage:
        _calls(stage, proof, say, _relays_alone)
        found = {row: book for row, book in proof.books.items() if row in _REMOTE_ACCESS}
        for book in found.values():
            book.site = "remote access"
        proof.books = first | found
        if missing := sorted(_REMOTE_ACCESS - found.keys()):
            proof.problems.append(f"with remote access these rows carried nothing: {', '.join(missing)}")
        for row in found:
            _without(stage, proof, row, say, _relays_alone)


def _site(name: str, variant: Variant, engine: EngineName, proof: Proof, say: Say, site: Site) -> None:
    """The rows of one more site."""
    say(site.title)
    first = dict(proof.books)

    def measuring(stage: Stage, session: Session, expected: frozenset[Feature], rtcp: bool) -> Measured:
        return site.measure(session, _network(stage), expected)

    with Stage.in_namespaces(
        name, variant, site.deployment(variant), engine, users=site.users, prepare=site.prepare, nodes=site.nodes
    ) as stage:
        network = _network(stage)
        _calls(stage, proof, say, measuring)
        found = {row: book for row, book in proof.books.items() if row in site.rows}
        for book in found.values():
            book.site = site.name
        proof.books = first | found
        if missing := sorted(site.rows - found.keys()):
            proof.problems.append(f"these rows carried nothing, with {site.title}: {', '.join(missing)}")
        with _running(stage) as session:
            for row in (each for each in site.kept if each in found):
                load_rules(network, stage.resolution, frozenset({row}))
                result = site.measure(session, network, EXPECTED[row])
                _judge(stage, proof, row, EXPECTED[row], result, {}, say)
                load_rules(network, stage.resolution)  # so that what the nodes have dialled can end
        for row in (each for each in site.fresh if each in found):
            _without(stage, proof, row, say, measuring)


def _network(stage: Stage) -> Network:
    if stage.network is None:
        raise LabError("the proof needs the firewalls of a real lab", remedy="run it as root")
    return stage.network


@contextlib.contextmanager
def _witnessed(network: Network, label: str) -> Iterator[Witness]:
    witness = Witness(network, label)
    witness.start()
    try:
        yield witness
    finally:
        witness.stop()


@contextlib.contextmanager
def _running(stage: Stage, expected: frozenset[Feature] = frozenset()) -> Iterator[Session]:
    """Nodes and phones from nothing, so that no state of an earlier step carries a packet."""
    stage.pair.start()
    session = stage.session()
    try:
        session.launch()
        yield session
    finally:
        session.close()
        stage.pair.stop()


def _fast_rows(stage: Stage) -> dict[str, dict[str, int]]:
    """Node -> row -> packets that its fast path carried. Raises LabError."""
    return {node: dict(_relay(stage, node)["rows"]) for node in stage.pair.nodes}


def _relay(stage: Stage, node: str) -> dict[str, Any]:
    return stage.pair.status(node, "relay")[0]


def _everything(stage: Stage, session: Session, expected: frozenset[Feature], rtcp: bool) -> Measured:
    turn = serves_turn(stage.resolution.deployment)
    return measure(_network(stage), session, expected, rtcp=rtcp, turn=turn)


def _relays_alone(stage: Stage, session: Session, expected: frozenset[Feature], rtcp: bool) -> Measured:
    """Without calls: the guide's rows of remote clients' media overlap with those of SIP endpoints."""
    stage.pair.wait_zone()
    return measure_relays(_network(stage), expected)


def _calls(stage: Stage, proof: Proof, say: Say, measuring: Measuring = _everything) -> None:
    network, resolution = _network(stage), stage.resolution
    say("calls in both directions, every packet recorded at both firewalls")
    load_rules(network, resolution)
    with _witnessed(network, "calls") as witness:
        with _running(stage) as session:
            result = measuring(stage, session, frozenset(), True)
            fast = _fast_rows(stage)
            proof.engine = ", ".join(dict.fromkeys(str(_relay(stage, node)["engine"]) for node in NODES))
            if stage.pair.engine not in ("auto", proof.engine):
                raise LabError(f"{proof.engine} carries media, not {stage.pair.engine}", "proof", "see `seaway alarms`")
        counters = _quiet_counters(network)
    seen = witness.seen(resolution)
    if result.broken:
        words = ", ".join(sorted(roots(frozenset(result.broken))))
        why = "; ".join(filter(None, (call.problem() for call in result.calls)))
        raise LabError(
            f"before any rule was removed, this does not work: {words}",
            "proof",
            why or stage.pair.crash_report(),
        )
    _book(proof, counters, seen, fast, resolution, network)
    for row, peers in witness.at_core(resolution).peers.items():
        if row in proof.books:
            proof.books[row].peers |= peers
    say(f"  {len(proof.books)} rows carried packets, {len(proof.unexplained)} packets unexplained")


def _quiet_counters(network: Network, patience: float = 5.0) -> dict[str, Counters]:
    """Counters that no longer change: closing connections may repeat their last segments, 0.2 s and more apart."""
    limit = time.monotonic() + patience
    found = read_counters(network)
    while True:
        time.sleep(0.45)
        before, found = found, read_counters(network)
        if found == before or time.monotonic() > limit:
            return found


def _book(
    proof: Proof,
    counters: dict[str, Counters],
    seen: dict[str, Seen],
    fast: dict[str, dict[str, int]],
    resolution: Resolution,
    network: Network,
) -> None:
    proof.books = live_rows(counters, seen, fast)
    proof.dropped = {at: each.dropped for at, each in counters.items()}
    proof.unexplained += [f"{at}: {each}" for at, found in seen.items() for each in found.unexplained]
    proof.problems += balance(counters, seen)
    proof.problems += [f"{at}: more than one row for {each}" for at, s in seen.items() for each in s.ambiguous]
    core = frozenset({*network.plan.host("core1").addresses, "core1"})
    for each in inward_openings(seen, resolution, core):
        proof.problems.append(f"opened from the DMZ to the inside: {each}")


def _openings(stage: Stage, proof: Proof, say: Say) -> None:
    """Try to connect from the edge's host to every listener of the core, with the edge's own filter switched off."""
    network = _network(stage)
    say("connecting from the DMZ to the core's listeners must fail")
    with _running(stage), _free_edge(stage):
        stage.pair.wait_zone()
        listening = network.run("core1", ["ss", "-Hltn"]).split("\n")
        ports = sorted({int(line.split()[3].rpartition(":")[2]) for line in listening if line.strip()})
        if not ports:
            proof.problems.append("the core listens on no TCP port at all, so the attempt proves nothing")
        for address, port in product(network.plan.host("core1").addresses, ports):
            try:
                network.run("edge1", ["timeout", "0.5", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"])
            except LabError:
                continue
            proof.problems.append(f"the core accepted a connection from the DMZ on TCP {port}")
        say(f"  tried TCP {', '.join(map(str, ports))}")


@contextlib.contextmanager
def _free_edge(stage: Stage) -> Iterator[None]:
    """The edge's host without its own rules, as after a break-in: only the firewalls stand between."""
    network = _network(stage)
    network.run("edge1", ["nft", "flush", "ruleset"])
    try:
        yield
    finally:
        load_rules(network, stage.resolution)


def _scans(stage: Stage, proof: Proof, say: Say) -> None:
    network, resolution = _network(stage), stage.resolution
    say("scanning the edge from the internet and the core from the DMZ, all TCP ports and a sample of UDP")
    plan = network.plan
    core = plan.host("core1").addresses
    ports = udp_ports(resolution)
    with _witnessed(network, "scan") as witness, _running(stage):
        stage.pair.wait_zone()
        for each in plan.edge_publics:
            proof.scans += scan_tcp(network, resolution, (("scanner", each, "edge1", "internet"),))
            udp_volley(network, "scanner", each, ports)
        with _free_edge(stage):
            for each in core:
                proof.scans += scan_tcp(network, resolution, (("edge1", each, "core1", "dmz"),))
                udp_volley(network, "edge1", each, ports)
    for scan in proof.scans:
        say(f"  {scan.source} > {scan.target}: open {list(scan.found)}, rows allow {_ranges(scan.allowed)}")
        if not scan.good:
            extra = sorted(set(scan.found) - set(scan.allowed))
            proof.problems.append(f"scan from {scan.source}: {scan.target} answers on TCP {extra}, which no row allows")
        if scan.source == "scanner" and not scan.found:
            proof.problems.append("the scan found nothing at all open at the edge, so it proves nothing")
    for at, found in witness.seen(resolution).items():
        proof.unexplained += [f"{at}, scan: {each}" for each in found.unexplained]


def _ranges(ports: tuple[int, ...]) -> str:
    """ "5061, 24000-29999" of sorted ports."""
    found: list[tuple[int, int]] = []
    for port in ports:
        if found and found[-1][1] == port - 1:
            found[-1] = (found[-1][0], port)
        else:
            found.append((port, port))
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in found) or "none"


def _without(stage: Stage, proof: Proof, row: str, say: Say, measuring: Measuring = _everything) -> None:
    """Take the rules of one row away everywhere and see what breaks."""
    network = _network(stage)
    expected = EXPECTED.get(row)
    if expected is None:
        proof.removed[row] = "not tried: the proof does not know what this row is for"
        proof.problems.append(f"row {row} carried packets, but the proof has no expectation for it")
        return
    load_rules(network, stage.resolution, frozenset({row}))
    stage.pair.close_rows(frozenset({row}))
    forget_state(network)
    media = any(each.value.startswith("RTCP") for each in expected)
    with _running(stage, expected) as session:
        result = measuring(stage, session, expected, media)
        fast = _fast_rows(stage)
    _judge(stage, proof, row, expected, result, fast, say)


def _judge(
    stage: Stage,
    proof: Proof,
    row: str,
    expected: frozenset[Feature],
    result: Measured,
    fast: dict[str, dict[str, int]],
    say: Say,
) -> None:
    """What was found while the rules of `row` were away."""
    passed = read_counters(_network(stage))
    found = roots(frozenset(result.broken))
    proof.removed[row] = f"broke: {', '.join(sorted(found))}" if found else "broke: nothing"
    leaked = [at for at, each in passed.items() if row in each.rows and each.rows[row].packets]
    leaked += [f"{node} fast path" for node, rows in fast.items() if rows.get(row)]
    if leaked:
        proof.problems.append(f"without row {row} its packets still passed at {', '.join(leaked)}")
    if found != expected:
        proof.problems.append(_surprise(row, expected, found, result))
    say(f"  without {row}: {proof.removed[row]}")


def _surprise(row: str, expected: frozenset[Feature], found: frozenset[Feature], result: Measured) -> str:
    text = f"without row {row}"
    if missing := expected - found:
        text += f" this still worked: {', '.join(sorted(missing))};"
    if extra := found - expected:
        text += f" this broke too: {', '.join(sorted(extra))};"
    why = "; ".join(filter(None, (call.problem() for call in result.calls)))
    return f"{text} {why}".rstrip("; ")
