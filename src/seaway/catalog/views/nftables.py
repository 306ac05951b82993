"""Resolved connections -> one nftables ruleset: default deny, one counter per row and direction.

`render(resolution, at, interfaces=...)` gives the rules of one firewall of the deployment, or the host firewall of one
node. There is no blanket "established: accept". A row which the source opens accepts its packets by addresses, both
ports and transport, and marks the conntrack entry with the number of the row; its replies are accepted by that mark
only. A row that is one direction only is matched packet by packet, and has no reply rule. So each accepted packet is
counted under exactly one row, and taking a row's rules away (`without_rows`) stops exactly that row's packets at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seaway.catalog.deployment import Node
from seaway.catalog.model import Opens
from seaway.catalog.problems import DeploymentError
from seaway.catalog.resolve import Connection, Party, Resolution
from seaway.catalog.views.nftables_match import Match, addresses, matches, merged_matches
from seaway.catalog.views.nftables_nat import nat_chains

__all__ = ["counter_name", "render", "table_name"]


# Hosts find their IPv6 neighbours and routers by ICMPv6, and tell switches which of its groups they listen to (RFC 4890
# §4.4.1); ARP does not pass these tables. A firewall's own such packets are not forwarded, so no rule there sees them.
_NEIGHBOURS = (
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } "
    "ip6 hoplimit 255 accept",
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } "
    "ip6 hoplimit 1 accept",
)


@dataclass(frozen=True, slots=True)
class _Direction:
    """One chain: packets from one interface of a firewall to another, or into or out of a node."""

    chain: str
    jump: str  # the condition in the base chain that leads here


def table_name(at: str) -> str:
    return "seaway_" + at.replace("-", "_")


def counter_name(row_id: str, direction: str = "forward") -> str:
    """ "T11-01" -> "T11_01", and "T11_01_reply" for `direction` "reply"."""
    return row_id.replace("-", "_") + ("_reply" if direction == "reply" else "")


def render(
    resolution: Resolution,
    at: str,
    *,
    interfaces: Mapping[str, str],
    without_rows: frozenset[str] = frozenset(),
    log: bool = False,
) -> str:
    """The ruleset of the firewall or node `at`, as text for `nft -f`. Loading it twice is loading it once.

    `interfaces` names the interfaces: of a firewall by zone ("internal", "dmz", "internet"), of a node by NIC ("inner",
    "outer"). `without_rows` leaves the rules of these rows out. `log` writes dropped packets to the kernel log, at most
    five a second. Raises `DeploymentError` when an interface is missing or `at` is unknown.
    """
    deployment = resolution.deployment
    if any(firewall.name == at for firewall in deployment.firewalls):
        chains, hooks = _firewall(resolution, at, interfaces)
        nat = nat_chains(resolution, at, interfaces) if deployment.firewall(at).nat else []
    elif any(node.name == at for node in deployment.nodes):
        chains, hooks = _host(resolution, at, interfaces)
        nat = []
    else:
        known = [*(each.name for each in deployment.firewalls), *(each.name for each in deployment.nodes)]
        raise DeploymentError("firewall", at, "no firewall or node of this name", f"choose one of {', '.join(known)}")
    rules = {direction: _chain_rules(found, without_rows) for direction, found in chains.items()}
    return _text(resolution, at, rules, hooks, nat, log)


def _firewall(
    resolution: Resolution, at: str, interfaces: Mapping[str, str]
) -> tuple[dict[_Direction, list[Match]], list[tuple[str, list[str]]]]:
    between = resolution.deployment.firewall(at).between
    chains: dict[_Direction, list[Match]] = {_through(a, b, at, interfaces): [] for a, b in (between, between[::-1])}
    for number, connection in _numbered(resolution):
        if at not in resolution.path(connection):
            continue
        entry, leave = resolution.zones_at(connection, at)
        ends = (
            resolution.seen_at(connection, connection.source, at),
            resolution.seen_at(connection, connection.destination, at),
        )
        found = matches(
            connection, number, *ends,
            not_source=resolution.apart(connection.source), not_destination=resolution.apart(connection.destination),
        )  # fmt: skip
        chains.setdefault(_through(entry, leave, at, interfaces), []).extend(found)
        if connection.opens is Opens.SOURCE:
            chains.setdefault(_through(leave, entry, at, interfaces), []).append(Match.reply(connection, number))
    jumps = [f"{direction.jump} goto {direction.chain}" for direction in chains]
    return chains, [("forward", jumps)]


def _through(entry: str, leave: str, at: str, interfaces: Mapping[str, str]) -> _Direction:
    for zone in (entry, leave):
        if zone not in interfaces:
            raise DeploymentError(
                "interfaces",
                zone,
                f"firewall {at} has no interface for this zone",
                f"name the one for {zone}",
            )
    return _Direction(f"{entry}_to_{leave}", f'iifname "{interfaces[entry]}" oifname "{interfaces[leave]}"')


def _host(
    resolution: Resolution, at: str, interfaces: Mapping[str, str]
) -> tuple[dict[_Direction, list[Match]], list[tuple[str, list[str]]]]:
    chains: dict[_Direction, list[Match]] = {}
    node = resolution.deployment.node(at)
    for name, _ in node.nics:
        if name not in interfaces:
            raise DeploymentError("interfaces", name, f"{at} has no interface for this NIC", f"name the one for {name}")
        chains[_Direction(f"input_{name}", f'iifname "{interfaces[name]}"')] = []
        chains[_Direction(f"output_{name}", f'oifname "{interfaces[name]}"')] = []
    by_name = {direction.chain: direction for direction in chains}
    for number, connection in _numbered(resolution):
        for own, way, back in (
            (connection.destination, "input", "output"),
            (connection.source, "output", "input"),
        ):
            if own.nic is None or at not in own.hosts:
                continue
            source, destination = connection.source, connection.destination
            ends = (
                source.networks if source is own else source.addressed_as,
                destination.networks if destination is own else destination.addressed_as,
            )
            except_source, except_destination = (_host_apart(resolution, node, end) for end in (source, destination))
            chains[by_name[f"{way}_{own.nic}"]].extend(
                matches(connection, number, *ends, not_source=except_source, not_destination=except_destination)
            )
            if connection.opens is Opens.SOURCE:
                chains[by_name[f"{back}_{own.nic}"]].append(Match.reply(connection, number))
    six = _NEIGHBOURS if any(nic.of_family(6) is not None for _, nic in node.nics) else ()
    hooks = [
        (
            hook,
            [
                f'{kind} "lo" accept',
                *six,
                *(f"{each.jump} goto {each.chain}" for each in chains if each.chain.startswith(hook)),
            ],
        )
        for hook, kind in (("input", "iifname"), ("output", "oifname"))
    ]
    return chains, hooks


def _host_apart(resolution: Resolution, node: Node, party: Party) -> tuple[str, ...]:
    """What `party` excepts at `node`: where one NIC serves all zones, "anywhere" is not the inside or the DMZ."""
    if node.single_nic and party.zone == "internet":
        return resolution.known_networks
    return resolution.apart(party)


def _numbered(resolution: Resolution) -> list[tuple[int, Connection]]:
    """Connections with the number of their row, which marks conntrack entries. The same at every firewall."""
    numbers = {row.id: number for number, row in enumerate(resolution.rows, start=1)}
    return [(numbers[each.row.id], each) for each in resolution.connections]


def _chain_rules(found: list[Match], without_rows: frozenset[str]) -> list[Match]:
    kept = [each for each in found if each.row not in without_rows]
    replies = list(dict.fromkeys(each for each in kept if each.is_reply))
    # Replies first: a reply of one row may look like a first packet of another (TURN relay and outgoing SIP, K-09).
    return [*replies, *merged_matches([each for each in kept if not each.is_reply])]


def _text(
    resolution: Resolution,
    at: str,
    rules: dict[_Direction, list[Match]],
    hooks: list[tuple[str, list[str]]],
    nat: list[str],
    log: bool,
) -> str:
    table = table_name(at)
    counted = sorted({(each.number, each.way, each.row) for found in rules.values() for each in found})
    counters = dict.fromkeys(counter_name(row, way) for _, way, row in counted)
    counters |= dict.fromkeys(f"icmp_{direction.chain}" for direction in rules)
    counters |= dict.fromkeys(f"dropped_{direction.chain}" for direction in rules)
    counters |= dict.fromkeys(f"dropped_{hook}" for hook, _ in hooks)
    lines = [
        f"# Generated from the connection catalog for deployment {resolution.deployment.name}, at {at}. Do not edit.",
        f"table inet {table}",
        f"delete table inet {table}",
        f"table inet {table} {{",
        *(f"\tcounter {name} {{ }}" for name in counters),
        *nat,
    ]
    for hook, jumps in hooks:
        lines += [
            "",
            f"\tchain {hook} {{",
            f"\t\ttype filter hook {hook} priority filter; policy drop;",
            *(f"\t\t{jump}" for jump in jumps),
            f'\t\tcounter name "dropped_{hook}" drop comment "no such way"',
            "\t}",
        ]
    for direction, found in rules.items():
        lines += ["", f"\tchain {direction.chain} {{"]
        if direction.chain.startswith("internet_to_"):
            lines += [f"\t\t{rule}" for rule in _spoofed(resolution, direction.chain)]
        lines += [f"\t\t{_rule(each)}" for each in found]
        lines += [f"\t\t{rule}" for rule in _icmp(direction.chain)]
        if log:
            lines.append(f'\t\tlimit rate 5/second burst 10 packets log prefix "seaway {at} drop: "')
        lines += [f'\t\tcounter name "dropped_{direction.chain}" drop', "\t}"]
    return "\n".join([*lines, "}"]) + "\n"


def _rule(match: Match) -> str:
    name, comment = counter_name(match.row, match.way), match.comment.replace('"', "'")[:120]
    if match.is_reply:
        state = f"ct direction reply ct state established ct mark {match.number}"
        return f'{state} counter name "{name}" accept comment "{comment}"'
    state = ""
    if match.stateful:
        state = f"ct direction original ct state {{ new, established }} ct mark set {match.number} "
    return f'{match.condition} {state}counter name "{name}" accept comment "{comment}"'


def _spoofed(resolution: Resolution, chain: str) -> list[str]:
    """Our own addresses do not come from the internet (RFC 2827 §3); rows from "anywhere" do not mean them."""
    rules = []
    for family, colon in (("ip", False), ("ip6", True)):
        own = addresses([each for each in resolution.known_networks if (":" in each) is colon])
        if own:
            rules.append(f'{family} saddr {{ {", ".join(own)} }} counter name "dropped_{chain}" drop comment "spoofed"')
    return rules


def _icmp(chain: str) -> list[str]:
    """What path MTU discovery needs (RFC 1191 §3, RFC 8201 §4): errors about a flow that a rule let pass."""
    return [
        f'icmp type destination-unreachable ct state related counter name "icmp_{chain}" accept',
        "icmpv6 type { destination-unreachable, packet-too-big } ct state related "
        f'counter name "icmp_{chain}" accept',
    ]
