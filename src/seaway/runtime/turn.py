"""The main of the `turn` process of an edge.

Made in two steps like `signal`: `prepare_turn` runs as root (certificates are read, listening sockets are opened),
`run_turn` runs after the privileges are gone. The sockets and the core are joined in `turn_process.py`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import uvloop

from seaway.catalog.deployment import Deployment
from seaway.catalog.model import Transport
from seaway.catalog.resolve import Resolution
from seaway.media.flows import FlowTable
from seaway.runtime.alarms import AlarmBook, AlarmBooks
from seaway.runtime.config import ConfigError, NodeConfig
from seaway.runtime.reloading import ReloadEnd
from seaway.runtime.sockets import Sockets
from seaway.runtime.tls import load_contexts
from seaway.runtime.tls_files import TlsFiles, read_files
from seaway.runtime.tuning import calm_collector, raise_descriptor_limit
from seaway.runtime.turn_accept import ALPN_TURN, ALPN_WEB
from seaway.runtime.turn_config import turn_config
from seaway.runtime.turn_places import Place, places, relay_places
from seaway.runtime.turn_process import PreparedTurn, TurnProcess
from seaway.runtime.turn_status import TurnStatus

__all__ = ["has_turn", "prepare_turn", "run_turn", "turn_places"]


def has_turn(config: NodeConfig, deployment: Deployment, resolution: Resolution) -> bool:
    """Whether this node runs a TURN server: an edge of a deployment with the service, with a `[turn]` table.

    Raises `ConfigError` for a `[turn]` table where there is no such service.
    """
    there = deployment.node(config.node).role == "edge" and bool(places(resolution, config.node))
    if config.turn is not None and not there:
        reason = "this node has no TURN server in the deployment"
        raise ConfigError("turn", None, reason, "set turn = true under [services], or remove [turn]")
    return config.turn is not None


def turn_places(config: NodeConfig, deployment: Deployment, resolution: Resolution) -> tuple[Place, ...]:
    """What `seaway node check` shows: the listeners, after all settings were looked at. Raises `ConfigError`."""
    if not has_turn(config, deployment, resolution) or config.turn is None:
        return ()
    turn_config(config.turn, deployment, relay_places(resolution, config.node), bytes(32))
    return places(resolution, config.node)


def prepare_turn(config: NodeConfig, deployment: Deployment, resolution: Resolution, secret: bytes) -> PreparedTurn:
    """Check settings and files, open the listening sockets. Raises `ConfigError`, `CertificateError`, `SocketError`."""
    turn = config.turn
    if turn is None:
        raise ConfigError("turn", None, "is missing", "add a [turn] table")
    if config.tls is None:
        raise ConfigError("tls", None, "is missing, and TURN has TLS", "give ca, certificate and key under [tls]")
    relays = relay_places(resolution, config.node)
    core = turn_config(turn, deployment, relays, secret)
    files = read_files(config.tls, [deployment.node(config.node).fqdn])
    contexts = {False: load_contexts(files, [ALPN_TURN]), True: load_contexts(files, [ALPN_TURN, ALPN_WEB])}
    sockets = Sockets(resolution, config.node)
    opened = []
    for each in places(resolution, config.node):
        opening = sockets.udp if each.transport is Transport.UDP else sockets.listen
        opened.append((each, opening(each.rows, each.nic, each.port, family=each.family)))
    return PreparedTurn(turn, core, sockets, relays, contexts, opened)


def run_turn(
    prepared: PreparedTurn,
    run_dir: Path,
    *,
    table: FlowTable | None = None,
    alarms: AlarmBooks | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """The main of the process, until SIGTERM or SIGINT. `ready` is called once when everything is open.

    Raises `IpcError`.
    """
    raise_descriptor_limit()
    calm_collector()
    book = alarms.book("turn") if alarms is not None else None
    uvloop.run(_serve(prepared, run_dir, table, book, ready))


async def _serve(
    prepared: PreparedTurn,
    run_dir: Path,
    table: FlowTable | None,
    alarms: AlarmBook | None,
    ready: Callable[[], None] | None,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    process = TurnProcess(prepared, table, alarms)

    def take(files: TlsFiles) -> None:
        for contexts in prepared.contexts.values():
            contexts.reload(files)

    reload = ReloadEnd(prepared.reload, take) if prepared.reload is not None else None
    status = TurnStatus(run_dir, process)
    try:
        await status.start()
        process.log.info("turn.ready", listeners=len(prepared.open), engine=process.flows.engine)
        if ready is not None:
            ready()
        await stop.wait()
    finally:
        process.stop()
        status.stop()
        if reload is not None:
            reload.close()
        await asyncio.sleep(0)  # let the transports close
