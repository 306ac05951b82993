"""The command line. Each command imports what it needs, so that `seaway map` starts without the runtime.

Errors are one line on standard error, `seaway: ...`. Exit status: 0; 1 for a finding (`seaway alarms` with a raised
one) or a command that failed; 2 for wrong usage or configuration. `SEAWAY_DEBUG=1` shows the traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from seaway import __version__
from seaway.admin.options import add_json, add_run_dir, described

__all__ = ["main"]

_LAB = ("up", "down", "status", "exec", "run", "prove")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["lab"]:
        return _guard(lambda: _lab(arguments[1:]))
    options = _parser().parse_args(arguments)
    if not hasattr(options, "run"):
        _parser().parse_args([*arguments, "--help"])
    return _guard(lambda: options.run(options))


def _status(options: argparse.Namespace) -> int:
    from seaway.admin.status import show

    return show(options)


def _protection(options: argparse.Namespace) -> int:
    from seaway.admin import protection

    return (protection.unblock if options.action == "unblock" else protection.show)(options)


def _alarms(options: argparse.Namespace) -> int:
    from seaway.admin import alarms

    return (alarms.acknowledge if options.action == "acknowledge" else alarms.show)(options)


def _call(options: argparse.Namespace) -> int:
    from seaway.admin.call import disconnect

    return disconnect(options)


def _metrics(options: argparse.Namespace) -> int:
    from seaway.admin.metrics import show

    return show(options)


def _lab(arguments: list[str]) -> int:
    from seaway.lab.cli import main as lab

    return lab(arguments)


def _guard(run: Callable[[], int | None]) -> int:
    """Call `run`; known errors become one line."""
    from seaway.admin.errors import exit_status

    try:
        return run() or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`seaway map rows | head`); keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  # the last place to catch
        if os.environ.get("SEAWAY_DEBUG"):
            traceback.print_exc()
            return 1
        text = " ".join(str(error).split()) or type(error).__name__
        status = exit_status(error)
        if status is None:
            text, status = f"{type(error).__name__}: {text} (a defect; SEAWAY_DEBUG=1 shows where)", 1
        print(f"seaway: {text}", file=sys.stderr)
        return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="seaway", description="An open collaboration edge.")
    parser.add_argument("--version", action="version", version=f"seaway {__version__}")
    from seaway.admin.search import add_locate, add_search

    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    parser.epilog = "exit status: 0; 1 for a finding or a node that cannot be asked; 2 for wrong usage or configuration"
    _add_map(commands.add_parser("map", help="the connection catalog: rows, resolved connections, firewall rules"))
    _add_node(commands.add_parser("node", help="run a node, check its configuration, make its certificates"))
    _add_status(commands.add_parser("status", help="what a running node does"))
    _add_protection(commands.add_parser("protection", help="who is blocked, and lifting a block"))
    _add_call(commands.add_parser("call", help="end calls that go through the B2BUA"))
    _add_alarms(commands.add_parser("alarms", help="what is wrong with a running node"))
    metrics = commands.add_parser("metrics", help="figures of a running node for Prometheus")
    metrics.add_argument("--openmetrics", action="store_true", help="OpenMetrics instead of Prometheus' own format")
    add_run_dir(metrics)
    metrics.set_defaults(run=_metrics)
    add_locate(commands.add_parser("locate", help="where the dial plan looks for an alias, and why"))
    add_search(commands.add_parser("search", help="one of the last searches of a running node"))
    commands.add_parser("lab", help=f"a network of hosts with firewalls and phones: {', '.join(_LAB)}", add_help=False)
    return described(parser)


def _add_map(parser: argparse.ArgumentParser) -> None:
    from seaway.admin import map
    from seaway.admin.search import add_pattern

    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    rows = kinds.add_parser("rows", help="the rows of the reference guide")
    rows.add_argument("--table", help="only this table (3 to 30, prose, own)")
    rows.add_argument("--own", action="store_true", help="with Seaway's own additions")
    rows.add_argument("--format", choices=("table", "csv", "json"), default="table", help="default: table")
    add_json(rows, "format")
    rows.set_defaults(run=map.rows)
    resolve = kinds.add_parser("resolve", help="the connections of one deployment")
    resolve.add_argument("deployment", metavar="DEPLOYMENT.toml")
    resolve.add_argument("--format", choices=("table", "csv", "json"), default="table", help="default: table")
    add_json(resolve, "format")
    resolve.set_defaults(run=map.resolve)
    check = kinds.add_parser("check", help="whether a deployment file is right; a mistake is one line")
    check.add_argument("deployment", metavar="DEPLOYMENT.toml")
    add_json(check)
    check.set_defaults(run=map.check)
    listeners = kinds.add_parser("listeners", help="what a node listens on")
    listeners.add_argument("deployment", metavar="DEPLOYMENT.toml")
    listeners.add_argument("node")
    listeners.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    add_json(listeners, "format")
    listeners.set_defaults(run=map.listeners)
    firewall = kinds.add_parser("firewall", help="the nftables rules of one firewall or node")
    firewall.add_argument("deployment", metavar="DEPLOYMENT.toml")
    firewall.add_argument("--at", required=True, metavar="NAME", help="a firewall of the deployment, or a node")
    firewall.add_argument(
        "--interface", action="append", default=[], metavar="ZONE=NAME", help="interface of a zone or NIC"
    )
    firewall.add_argument("--without", action="append", default=[], metavar="ROW", help="leave the rules of a row out")
    firewall.add_argument("--log", action="store_true", help="log dropped packets")
    firewall.set_defaults(run=map.firewall)
    add_pattern(kinds.add_parser("pattern", help="what a pattern of the dial plan makes of an alias"))
    status = kinds.add_parser("status", help="the state of each row, from a proof (docs/status.md)")
    status.add_argument("--proof", metavar="FILE", help="what `seaway lab prove --json` wrote")
    status.set_defaults(run=map.status)


def _add_node(parser: argparse.ArgumentParser) -> None:
    from seaway.admin import node

    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    run = kinds.add_parser("run", help="run the node until SIGTERM")
    run.add_argument("config", metavar="CONFIG.toml")
    run.add_argument("--ready-fd", type=int, metavar="N", help="write `ready` to this descriptor when all is open")
    run.set_defaults(run=node.run)
    check = kinds.add_parser("check", help="read the configuration and its files, open nothing")
    check.add_argument("config", metavar="CONFIG.toml")
    add_json(check)
    check.set_defaults(run=node.check)
    certificates = kinds.add_parser("certificates", help="make a CA and a certificate for each node of a deployment")
    certificates.add_argument("deployment", metavar="DEPLOYMENT.toml")
    certificates.add_argument("directory", metavar="DIR")
    certificates.set_defaults(run=node.certificates)
    revoke = kinds.add_parser("revoke", help="write the revocation list of a CA that `certificates` made")
    revoke.add_argument("directory", metavar="DIR")
    revoke.add_argument("certificates", metavar="CERT.pem", nargs="*", help="to revoke; none: make the list new")
    revoke.set_defaults(run=node.revoke)
    reload = kinds.add_parser("reload", help="let a running node read its certificates anew")
    add_run_dir(reload)
    reload.set_defaults(run=node.reload)
    ha1 = kinds.add_parser("ha1", help="the stored form of a password, read from standard input")
    ha1.add_argument("user")
    ha1.add_argument("realm")
    ha1.set_defaults(run=node.ha1)


def _add_status(parser: argparse.ArgumentParser) -> None:
    from seaway.runtime.control_protocol import SHOWS

    parser.add_argument("show", nargs="?", default="status", choices=SHOWS, metavar="VIEW", help=", ".join(SHOWS))
    add_run_dir(parser)
    add_json(parser)
    parser.set_defaults(run=_status)


def _add_alarms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("acknowledge",), help="note that you look after one")
    parser.add_argument("id", nargs="?", metavar="ID", help="of the alarm")
    add_run_dir(parser)
    add_json(parser)
    parser.set_defaults(run=_alarms)


def _add_call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("disconnect",), help="BYE on both legs")
    parser.add_argument("id", nargs="?", metavar="ID", help="session of `seaway status calls`")
    parser.add_argument("--all", action="store_true", help="all of them")
    add_run_dir(parser)
    add_json(parser)
    parser.set_defaults(run=_call)


def _add_protection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "unblock"), default="list")
    parser.add_argument("address", nargs="?", metavar="ADDRESS", help="whose block to lift")
    parser.add_argument("--all", action="store_true", help="lift all blocks")
    add_run_dir(parser)
    add_json(parser)
    parser.set_defaults(run=_protection)


if __name__ == "__main__":
    sys.exit(main())
