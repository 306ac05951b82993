"""`seaway map`: views of the catalog. Needs neither network nor root."""

from __future__ import annotations

import argparse
import json
import sys

from seaway.admin.errors import UsageError

__all__ = ["check", "firewall", "listeners", "resolve", "rows", "status"]


def rows(options: argparse.Namespace) -> int:
    from seaway.catalog.views.rows import render_rows

    try:
        sys.stdout.write(render_rows(options.format, options.table, options.own))
    except ValueError as error:
        raise UsageError(f"--table: {error}") from None
    return 0


def resolve(options: argparse.Namespace) -> int:
    from seaway.catalog.deployment import load_deployment
    from seaway.catalog.resolve import resolve as resolved
    from seaway.catalog.views.connections import render_connections

    resolution = resolved(load_deployment(options.deployment))
    sys.stdout.write(render_connections(resolution, options.format))
    for warning in resolution.warnings:
        print(f"seaway: warning: {warning}", file=sys.stderr)
    return 0


def check(options: argparse.Namespace) -> int:
    """Read a deployment and resolve it; a mistake is raised as one line."""
    from seaway.catalog.deployment import load_deployment
    from seaway.catalog.resolve import resolve as resolved

    resolution = resolved(load_deployment(options.deployment))
    for warning in resolution.warnings:
        print(f"seaway: warning: {warning}", file=sys.stderr)
    families = sorted({each.version for each in resolution.connections})
    if options.json:
        counts = {
            "nodes": len(resolution.deployment.nodes), "rows": len(resolution.rows),
            "connections": len(resolution.connections), "families": families,
        }  # fmt: skip
        print(json.dumps({"file": options.deployment, **counts, "warnings": list(resolution.warnings)}, indent=2))
        return 0
    print(
        f"{options.deployment}: {len(resolution.deployment.nodes)} nodes, {len(resolution.rows)} rows, "
        f"{len(resolution.connections)} connections over {' and '.join(f'IPv{each}' for each in families) or 'nothing'}"
    )
    return 0


def listeners(options: argparse.Namespace) -> int:
    from seaway.catalog.deployment import load_deployment
    from seaway.catalog.resolve import resolve as resolved
    from seaway.catalog.views.listeners import render_listeners

    deployment = load_deployment(options.deployment)
    names = [each.name for each in deployment.nodes]
    if options.node not in names:
        raise UsageError(f"{options.deployment} has no node {options.node}; it has {', '.join(names)}")
    sys.stdout.write(render_listeners(resolved(deployment), options.node, options.format))
    return 0


def firewall(options: argparse.Namespace) -> int:
    from seaway.catalog.deployment import load_deployment
    from seaway.catalog.resolve import resolve as resolved
    from seaway.catalog.views.nftables import render

    # A zone or NIC that is not named on the command line stands for an interface of the same name.
    interfaces = {name: name for name in ("internal", "dmz", "internet", "inner", "outer")}
    for each in options.interface:
        name, equals, interface = each.partition("=")
        if not equals or name not in interfaces:
            raise UsageError(f"--interface {each}: write ZONE=INTERFACE with one of {', '.join(interfaces)}")
        interfaces[name] = interface
    resolution = resolved(load_deployment(options.deployment))
    rows = frozenset(options.without)
    sys.stdout.write(render(resolution, options.at, interfaces=interfaces, without_rows=rows, log=options.log))
    return 0


def status(options: argparse.Namespace) -> int:
    from pathlib import Path

    from seaway.catalog.load import load_catalog
    from seaway.catalog.views.status import render_status

    proof = {}
    if options.proof is not None:
        try:
            proof = json.loads(Path(options.proof).read_text())
        except (OSError, ValueError) as error:
            remedy = "make one with `seaway lab prove --json FILE`"
            raise UsageError(f"--proof {options.proof}: {error}; {remedy}") from None
    sys.stdout.write(render_status(load_catalog(), proof))
    return 0
