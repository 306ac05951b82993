"""`seaway node`: run a node, check its files, make, revoke and reload its certificates."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seaway.admin.errors import UsageError

if TYPE_CHECKING:
    from seaway.call.config import ControlConfig
    from seaway.runtime.turn_places import Place

__all__ = ["certificates", "check", "ha1", "reload", "revoke", "run"]


def run(options: argparse.Namespace) -> int:
    from seaway.runtime.supervisor import run_node

    if options.ready_fd is not None:
        try:
            os.fstat(options.ready_fd)
        except OSError:
            raise UsageError(f"--ready-fd {options.ready_fd}: there is no such descriptor") from None
    return run_node(Path(options.config), options.ready_fd)


def check(options: argparse.Namespace) -> int:
    """Everything that `run` would read, and nothing that it would open."""
    from seaway.call.plans import mistakes_of, rules_of
    from seaway.catalog.resolve import resolve
    from seaway.runtime.config import ConfigError, load_node_config
    from seaway.runtime.control_config import control_config
    from seaway.runtime.privileges import look_up_user
    from seaway.runtime.tls_files import read_files
    from seaway.runtime.turn import turn_places
    from seaway.wire.endpoint import shown

    config, deployment = load_node_config(options.config)
    resolution = resolve(deployment)
    control = control_config(config, deployment, resolution, bytes(32))
    turn = turn_places(config, deployment, resolution)
    look_up_user(config.run_as)
    warnings = [*resolution.warnings, *mistakes_of(control)]
    if config.tls is not None:
        warnings += read_files(config.tls, [deployment.node(config.node).fqdn]).warnings
    elif any(each.transport in ("tls", "wss") for each in control.listeners) or control.traversal:
        raise ConfigError("tls", None, "is missing, and this node has TLS", "give ca, certificate and key under [tls]")
    for warning in warnings:
        print(f"seaway: warning: {warning}", file=sys.stderr)
    if options.json:
        print(json.dumps(_checked(options.config, control, turn, warnings), indent=2))
        return 0
    print(
        f"{options.config}: {control.role} {control.node}, {len(control.users)} users, {len(rules_of(control))} rules"
    )
    for each in control.listeners:
        public = "" if each.advertised == each.address else f" as {shown(each.advertised)}"
        extra = " mutual" if each.mutual else ""
        zone_shown = f"  zone {each.zone}" if each.zone else ""
        print(f"  {each.row}  {each.transport}{extra}  {shown(each.address)}{public}{zone_shown}")
    for place in turn:
        print(f"  {'+'.join(place.rows)}  turn {place.transport}  {place.nic} {shown((place.address, place.port))}")
    for zone in control.traversal:
        if zone.role == "client":
            dialled = shown((zone.host, zone.port))
            print(f"  T11-01  dials {dialled} as {zone.user}, expects {zone.verify_name}  zone {zone.name}")
    return 0


def _checked(path: str, control: ControlConfig, turn: Sequence[Place], warnings: Sequence[str]) -> dict[str, object]:
    """What `check` prints, for programs."""
    from seaway.call.plans import rules_of
    from seaway.wire.endpoint import shown

    listeners: list[dict[str, object]] = [
        {"rows": list(each.rows), "transport": each.transport, "mutual": each.mutual, "address": shown(each.address),
         "zone": each.zone}
        for each in control.listeners
    ]  # fmt: skip
    listeners += [
        {"rows": list(each.rows), "transport": f"turn {each.transport}", "address": shown((each.address, each.port))}
        for each in turn
    ]
    dialled = [each for each in control.traversal if each.role == "client"]
    return {
        "file": path, "node": control.node, "role": control.role, "users": len(control.users),
        "rules": len(rules_of(control)), "warnings": list(warnings), "listeners": listeners,
        "dials": [{"zone": each.name, "address": shown((each.host, each.port)), "expects": each.verify_name}
                  for each in dialled],
    }  # fmt: skip


def certificates(options: argparse.Namespace) -> int:
    from seaway.catalog.deployment import load_deployment
    from seaway.identity.ca import create_authority, issue

    deployment = load_deployment(options.deployment)
    directory = Path(options.directory)
    print(create_authority(directory, f"{deployment.name} CA"))
    for node in deployment.nodes:
        addresses = [str(each.ip) for _, nic in node.nics for each in nic.addresses]
        addresses += [str(nic.public) for _, nic in node.nics if nic.public is not None]
        certificate, key = issue(directory, node.name, [node.fqdn, deployment.domain, *dict.fromkeys(addresses)])
        print(certificate)
        print(key)
    return 0


def revoke(options: argparse.Namespace) -> int:
    from seaway.identity.ca import revoke as revoke_certificates

    print(revoke_certificates(Path(options.directory), [Path(each) for each in options.certificates]))
    return 0


def reload(options: argparse.Namespace) -> int:
    """Ask a running node to read its TLS files anew; its word on it is printed."""
    from seaway.admin.status import run_dir_of
    from seaway.runtime.reloading import RELOAD_FILE
    from seaway.runtime.supervisor import READY_FILE

    run_dir = run_dir_of(options)
    outcome = run_dir / RELOAD_FILE
    try:
        supervisor = json.loads((run_dir / READY_FILE).read_text())["supervisor"]
        before = outcome.stat().st_ino if outcome.exists() else None
        os.kill(supervisor, signal.SIGHUP)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "its ready file cannot be read"
        raise UsageError(f"{run_dir}: no node can be asked there ({reason}); is it running?") from None
    limit = time.monotonic() + 20.0
    while time.monotonic() < limit:
        if outcome.exists() and outcome.stat().st_ino != before:
            said = json.loads(outcome.read_text())
            for warning in said["warnings"]:
                print(f"seaway: warning: {warning}", file=sys.stderr)
            if said["failure"] is not None:
                raise UsageError(f"the old certificates stay: {said['failure']}")
            print(f"{run_dir}: new connections get the new certificates")
            return 0
        time.sleep(0.05)
    raise UsageError(f"{run_dir}: the node does not answer; look at its log")


def ha1(options: argparse.Namespace) -> int:
    from seaway.identity.digest import ALGORITHMS
    from seaway.identity.digest import ha1 as make

    password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise UsageError("give the password on standard input")
    for algorithm in ALGORITHMS:
        print(f'ha1_{algorithm.replace("-", "").lower()} = "{make(algorithm, options.user, options.realm, password)}"')
    return 0
