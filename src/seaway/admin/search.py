"""`seaway locate`, `seaway search`, `seaway map pattern`: what the dial plan makes, or made, of an alias."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from seaway.admin.errors import FINDING, UsageError
from seaway.admin.options import RUN_DIR_HELP, add_json, add_run_dir

__all__ = ["add_locate", "add_pattern", "add_search"]


def add_locate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("alias", metavar="ALIAS", help="user@domain, a number, or an address")
    parser.add_argument("--from", dest="zone", default="local", metavar="ZONE", help="local, default, or a zone's name")
    parser.add_argument("--source", default="", metavar="ALIAS", help="who calls")
    parser.add_argument("--protocol", choices=("sip", "h323"), default="sip", help="default: sip")
    parser.add_argument("--authenticated", choices=("yes", "no"), default="no", help="default: no")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--run-dir", metavar="DIR", help=RUN_DIR_HELP)
    where.add_argument("--config", metavar="CONFIG.toml", help="ask this file instead of a running node")
    add_json(parser)
    parser.set_defaults(run=_locate)


def add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("search", metavar="SEARCH", help="its number in `seaway status searches`, or the Call-ID")
    add_run_dir(parser)
    add_json(parser)
    parser.set_defaults(run=_search)


def add_pattern(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("type", choices=("exact", "prefix", "suffix", "regex"), metavar="TYPE")
    parser.add_argument("pattern", metavar="PATTERN")
    parser.add_argument("alias", metavar="ALIAS")
    parser.add_argument(
        "--behaviour",
        choices=("leave", "strip", "replace", "add-prefix", "add-suffix"),
        help="default: leave, or replace",
    )
    parser.add_argument("--replace", metavar="TEXT", help=r"with groups \1 to \9")
    add_json(parser)
    parser.set_defaults(run=_pattern)


def _locate(options: argparse.Namespace) -> int:
    question = {
        "do": "locate", "alias": options.alias, "zone": options.zone, "source": options.source,
        "protocol": options.protocol, "authenticated": options.authenticated,
    }  # fmt: skip
    from seaway.admin.status import command, run_dir_of

    if options.config is not None:
        rows = _offline(Path(options.config), options)
    else:
        rows = command(run_dir_of(options), question, 8.0)["rows"]
    _print(rows, options.json)
    return FINDING if any(row["what"] == "steps" and not row["steps"] for row in rows) else 0


def _offline(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    from seaway.call.explaining import Asked, Explaining
    from seaway.call.plans import Decisions, plan_of
    from seaway.catalog.resolve import resolve
    from seaway.runtime.config import load_node_config
    from seaway.runtime.control_config import control_config

    config, deployment = load_node_config(path)
    control = control_config(config, deployment, resolve(deployment), bytes(16))
    asked = Asked(options.alias, options.zone, options.source, options.protocol, options.authenticated == "yes")
    try:
        return Explaining(control, Decisions(plan_of(control)), None).locate(asked, 0.0).rows
    except ValueError as error:
        raise UsageError(str(error)) from None


def _search(options: argparse.Namespace) -> int:
    from seaway.admin.status import command, run_dir_of

    rows = command(run_dir_of(options), {"do": "search", "search": options.search})["rows"]
    _print(rows, options.json)
    return 0


def _pattern(options: argparse.Namespace) -> int:
    from seaway.policy.patterns import Matcher, PatternError

    behaviour = options.behaviour or ("replace" if options.replace is not None else "leave")
    try:
        result = Matcher(options.type, options.pattern, behaviour, options.replace or "").apply(options.alias)
    except PatternError as error:
        raise UsageError(f"{options.pattern}: {error}") from None
    print(json.dumps({"result": result}) if options.json else result if result is not None else "no match")
    return 0 if result is not None else FINDING


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(_line(row) for row in rows))


def _line(row: dict[str, Any]) -> str:
    """One row for people."""
    what = row["what"]
    if what == "transform":
        name = row["applied"]
        return f"transform  {name}: {row['alias']}" if name else "transform  none"
    if what == "rule":
        mark = "->" if row["applies"] else "  "
        alias = f" as {row['alias']}" if "alias" in row else ""
        name = f" ({row['name']})" if row["name"] else ""
        line = f"rule {row['priority']:>5} {mark} {row['target']}{alias}{name}: {row['why']}"
        for key in ("state", "targets", "hops", "uris"):
            if key in row:
                value = row[key]
                line += f"\n              {key} {value if isinstance(value, str) else ', '.join(value)}"
        return line
    if what == "steps":
        return f"steps      {'; '.join(row['steps']) or row['why']}"
    if what == "asked":
        asked = ", ".join(f"{each['zone']} {each['uri']} at {each['where']}" for each in row["targets"])
        return f"asked      {asked}: {', '.join(map(str, row['answers'])) or 'no failure'}"
    if what == "passed over":
        return f"not asked  {row['why']}"
    if what == "answer":
        return f"answer     {row['status']}{' ' + row['why'] if row['why'] else ''}"
    rest = {key: value for key, value in row.items() if key != "what" and value not in ("", None, [])}
    return f"{what:<10} " + " ".join(
        f"{key}={','.join(map(str, value)) if isinstance(value, list) else value}" for key, value in rest.items()
    )
