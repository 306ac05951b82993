"""`seaway lab`: hosts with two firewalls, the demo and the proof."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console

from seaway.lab.errors import LabError
from seaway.lab.plan import VARIANTS
from seaway.runtime.config import EngineName

__all__ = ["main"]

# With the Debian package that has them.
_TOOLS = {
    "ip": "iproute2", "bridge": "iproute2", "nft": "nftables", "nsenter": "util-linux", "named": "bind9",
    "dig": "dnsutils", "conntrack": "conntrack", "tcpdump": "tcpdump", "nmap": "nmap", "baresip": "baresip-core",
    "turnutils_uclient": "coturn", "kamailio": "kamailio kamailio-tls-modules",
}  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit status. Raises LabError."""
    options = _parser().parse_args(list(argv))
    for place in ("/usr/sbin", "/sbin"):
        if place not in os.environ.get("PATH", "").split(":"):
            os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{place}"
    # A lab that is told to end takes its hosts down first, like after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="seaway lab", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text)
        made.add_argument("--name", default="lab", help="several labs can be up at once")
        made.set_defaults(run=run)
        return made

    variant = {"choices": VARIANTS, "default": "dual", "help": "how the edge is connected (default: dual)"}
    engine = {"choices": get_args(EngineName), "default": "auto", "help": "what carries media (default: auto)"}
    command("up", _up, "make the hosts and load the rules").add_argument("--variant", **variant)  # type: ignore[arg-type]
    command("down", _down, "remove everything")
    command("status", _status, "hosts, programs, counters")
    execute = command("exec", _exec, "run a command in a host: exec HOST -- COMMAND")
    execute.add_argument("host")
    execute.add_argument("command", nargs=argparse.REMAINDER)
    run = command("run", _run, "the demo: two phones call each other through the pair")
    run.add_argument("--once", action="store_true", help="end after the calls")
    run.add_argument("--loopback", action="store_true", help="no hosts and no firewalls, also as root")
    run.add_argument("--variant", **variant)  # type: ignore[arg-type]
    run.add_argument("--engine", **engine)  # type: ignore[arg-type]
    prove = command("prove", _prove, "the proof: every row is needed, and nothing else passes")
    prove.add_argument("--json", metavar="FILE", help="write the findings; - for standard output")
    prove.add_argument("--picture", metavar="FILE", help="draw the calls as SVG")
    prove.add_argument("--only", metavar="ROW", action="append", default=[], help="remove only these rows")
    prove.add_argument("--variant", **variant)  # type: ignore[arg-type]
    prove.add_argument("--engine", **engine)  # type: ignore[arg-type]
    return parser


def _need(*tools: str, root: bool = True) -> None:
    from seaway.lab.pair import missing_programs

    if root and os.geteuid() != 0:
        raise LabError("network namespaces need root", "lab", "run it with sudo, or `seaway lab run` without firewalls")
    if missing := missing_programs(tools or tuple(_TOOLS)):
        packages = " ".join(sorted({_TOOLS[each] for each in missing}))
        raise LabError(f"missing programs: {', '.join(missing)}", "lab", f"apt-get install {packages}")


def _up(options: argparse.Namespace) -> int:
    from seaway.lab.dns import start_dns
    from seaway.lab.firewall import load_rules, resolution_of
    from seaway.lab.network import Network, locked, remove

    _need("ip", "bridge", "nft", "nsenter", "named", "dig")
    begin = time.monotonic()
    with locked(options.name):
        network = Network.build(options.name, options.variant)
        try:
            start_dns(network)
            load_rules(network, resolution_of(options.variant))
        except BaseException:
            remove(options.name)
            raise
    hosts = len(network.plan.hosts)
    print(f"lab {options.name}: {hosts} hosts up ({options.variant}) in {time.monotonic() - begin:.1f} s")
    print("seaway lab exec phone-out -- ping -c1 198.51.100.1")
    return 0


def _down(options: argparse.Namespace) -> int:
    from seaway.lab.network import locked, remove

    _need("ip")
    with locked(options.name):
        count = remove(options.name)
    print(f"lab {options.name}: {count} hosts removed" if count else f"lab {options.name} was not up")
    return 0


def _status(options: argparse.Namespace) -> int:
    from seaway.lab.firewall import read_counters, resolution_of
    from seaway.lab.network import Network, programs
    from seaway.lab.show import proof_table

    _need("ip", "nft", "nsenter")
    network = Network.attach(options.name)
    running = programs(network)
    for host in network.plan.hosts:
        shown = [f"{nic.name} {nic.address}{f' {nic.address6}' if nic.address6 else ''}" for nic in host.nics]
        addresses = ", ".join(each for each, nic in zip(shown, host.nics, strict=True) if nic.address)
        print(f"{host.name:10} {addresses:55} {' '.join(running.get(host.name, []))}".rstrip())
    Console().print(proof_table(read_counters(network), resolution_of(network.plan.variant)))
    return 0


def _exec(options: argparse.Namespace) -> int:
    from seaway.lab.network import Network

    _need("nsenter")
    network = Network.attach(options.name)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if options.host not in {host.name for host in network.plan.hosts}:
        known = ", ".join(host.name for host in network.plan.hosts)
        raise LabError(f"no host {options.host!r}", f"lab {options.name}", f"there are {known}")
    if not command:
        raise LabError("no command", "exec", f"write: seaway lab exec {options.host} -- COMMAND")
    line = network.command(options.host, command)
    sys.stdout.flush()
    os.execvp(line[0], line)


def _run(options: argparse.Namespace) -> int:
    from seaway.lab.demo import run

    if os.geteuid() == 0 and not options.loopback:
        _need(*(each for each in _TOOLS if each != "kamailio"))
    else:
        _need("baresip", root=False)
    run(options.name, options.variant, once=options.once, loopback=options.loopback, engine=options.engine)
    return 0


def _prove(options: argparse.Namespace) -> int:
    from seaway.lab.prove import prove

    _need()
    out = Console(stderr=options.json == "-")
    proof = prove(
        options.name,
        options.variant,
        lambda text: out.print(text, highlight=False, markup=False),
        frozenset(options.only),
        options.engine,
    )
    text = json.dumps(proof.as_json(), indent=2) + "\n"
    if options.json == "-":
        sys.stdout.write(text)
    elif options.json:
        Path(options.json).write_text(text)
    if options.picture:
        from seaway.lab.firewall import resolution_of
        from seaway.lab.picture import draw

        Path(options.picture).write_text(draw(resolution_of(options.variant), proof.as_json()))
    for each in [*proof.problems, *(f"no row allows: {packet}" for packet in proof.unexplained[:20])]:
        out.print(f"problem: {each}", highlight=False, markup=False)
    out.print(f"verdict: {proof.verdict} ({proof.seconds:.0f} s)", highlight=False)
    return 0 if proof.verdict == "pass" else 1
