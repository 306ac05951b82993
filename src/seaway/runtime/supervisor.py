"""The supervisor of a node: reads the configuration, forks `relay` and `signal`, restarts what dies. No event loop.

Children are forks, so they need no files afterwards; each reads and opens what takes root, then drops to `run_as`. A
child says `ready` or one line of error through a pipe. An error at the first start is the user's to mend: it is printed
and the node stops with status 2. A child that dies later is restarted with back-off, and with its calls' media left
alone (invariant 5); one that keeps dying ends the node with status 1.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from seaway.catalog.deployment import Deployment, DeploymentError
from seaway.catalog.resolve import Resolution, resolve
from seaway.identity.certificates import CertificateError
from seaway.identity.dtls import create_identity
from seaway.media.flows import FlowError
from seaway.observe import log
from seaway.observe.alarms import ENGINE, RESTARTED
from seaway.runtime import guard, relay, run_dir, signalling, turn
from seaway.runtime.alarms import AlarmBooks
from seaway.runtime.config import NodeConfig, load_node_config
from seaway.runtime.fastpath.choose import FastPath, choose
from seaway.runtime.ipc import IpcError
from seaway.runtime.journal import Journal
from seaway.runtime.privileges import RunAs, drop, look_up_user, make_run_dir, set_process_name, tie_to_parent
from seaway.runtime.reloading import TlsKeeper
from seaway.runtime.run_dir import READY_FILE, write_anew
from seaway.runtime.sockets import SocketError

__all__ = ["READY_FILE", "START_ERRORS", "StartError", "run_node"]

START_ERRORS = (DeploymentError, CertificateError, SocketError, IpcError, FlowError, log.LogError)

_READY_IN = 20.0  # seconds for a child to become ready
_STOP_IN = 1.5  # seconds for children to end by themselves
_BACK_OFF = (0.1, 5.0)  # seconds: first and longest pause before a restart
_INTENSITY = (10, 60.0)  # restarts within seconds at which the node is given up
_STEADY = 10.0  # seconds of life after which the back-off starts anew


class StartError(Exception):
    """A child could not start; the text is its one line."""


@dataclass(slots=True)
class _Child:
    """`main(ready)` runs in the child: it opens what takes root, calls the drop, and serves until SIGTERM."""

    name: str
    main: Callable[[Callable[[], None]], None]
    uses_fast_path: bool = False
    has_tls: bool = False
    pid: int = 0
    since: float = 0.0
    due: float | None = None  # when to start it again
    pause: float = _BACK_OFF[0]
    deaths: list[float] = field(default_factory=list)


def run_node(path: Path, ready_fd: int | None = None) -> int:
    """Run the node of a configuration file until SIGTERM or SIGINT; returns the exit status.

    Raises one of `START_ERRORS` or `StartError` when it cannot start.
    """
    config, deployment = load_node_config(path)
    resolution = resolve(deployment)
    user = look_up_user(config.run_as)
    make_run_dir(config.run_dir, user)
    if config.state_dir != config.run_dir:
        make_run_dir(config.state_dir, user, "state_dir")
    lock = run_dir.lock(config.run_dir)
    log.configure(config.log.format, config.log.level, config.log.file)
    node = _Supervisor(config, deployment, resolution, user, run_dir.secret(config.run_dir), ready_fd)
    try:
        return node.run()
    finally:
        os.close(lock)


class _Supervisor:
    def __init__(
        self,
        config: NodeConfig,
        deployment: Deployment,
        resolution: Resolution,
        user: RunAs | None,
        secret: bytes,
        ready_fd: int | None,
    ) -> None:
        self._config = config
        self._user = user
        self._ready_fd = ready_fd
        self._log = log.get(part="supervisor", node=config.node)
        self._pid = os.getpid()
        self._signals = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        self._fast_path: FastPath | None = None
        self._journal = Journal.create()
        dtls = create_identity()  # the same for each relay process of this start: calls know its fingerprint
        self._addresses = [str(each.ip) for _, nic in deployment.node(config.node).nics for each in nic.addresses]
        self._restarts: Counter[str] = Counter()
        alarms = AlarmBooks()
        self._alarms = alarms.book("supervisor")
        self._tls = TlsKeeper(config.tls, [deployment.node(config.node).fqdn], config.run_dir, self._alarms)

        def relay_main(ready: Callable[[], None]) -> None:
            self._leave_root()
            relay.run_relay(
                config.node,
                resolution,
                config.run_dir,
                path=self._fast_path,
                journal=self._journal,
                identity=dtls,
                closed_rows=frozenset(config.media.closed_rows),
                alarms=alarms,
                ready=ready,
            )

        def signal_main(ready: Callable[[], None]) -> None:
            prepared = signalling.prepare(config, deployment, resolution, secret)
            prepared.reload = self._tls.end_of("signal")
            self._leave_root()
            signalling.run_signal(prepared, alarms=alarms, guard=guarding.asking, ready=ready)

        def turn_main(ready: Callable[[], None]) -> None:
            table = self._fast_path.empty_table("turn") if self._fast_path is not None else None
            prepared = turn.prepare_turn(config, deployment, resolution, secret)
            prepared.reload = self._tls.end_of("turn")
            self._leave_root()
            turn.run_turn(prepared, config.run_dir, table=table, alarms=alarms, ready=ready)

        guarding = guard.prepare_guard(config, deployment, resolution, user)

        # The relay first: `signal` looks for it at once.
        self._children = [_Child("relay", relay_main, uses_fast_path=True), _Child("signal", signal_main, has_tls=True)]
        if turn.has_turn(config, deployment, resolution):
            self._children.append(_Child("turn", turn_main, uses_fast_path=True, has_tls=True))
        if guarding.answering is not None:
            self._children.append(_Child("guard", lambda ready: guarding.run(self._pid, ready)))

    def run(self) -> int:
        ready_file = self._config.run_dir / READY_FILE
        ready_file.unlink(missing_ok=True)
        # Signals are taken one by one with sigtimedwait; no handler, so no code runs in between.
        self._old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
        try:
            self._fast_path = self._choose()
            for child in self._children:
                self._start(child)
                failure = self._await_ready(child)
                if failure is not None:
                    raise StartError(failure)
            self._announce(ready_file)
            return self._watch()
        finally:
            ready_file.unlink(missing_ok=True)
            self._stop()
            if self._fast_path is not None:
                self._fast_path.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)

    # -- starting

    def _start(self, child: _Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        reading, writing = os.pipe()
        if child.has_tls:
            self._tls.before_fork(child.name)
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._tls.in_child(child.name)
            self._be(child, writing)
        os.close(writing)
        if child.has_tls:
            self._tls.in_parent(child.name)
        child.pid, child.since, child.due = pid, time.monotonic(), None
        self._reading = reading

    def _be(self, child: _Child, writing: int) -> NoReturn:
        """The life of a child. Never returns: it must not run the supervisor's code."""
        status = 1
        try:
            set_process_name(f"seaway-{child.name}")
            signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            if self._ready_fd is not None:
                os.close(self._ready_fd)
                self._ready_fd = None
            # Its own log stream, opened while we may: the file can belong to root.
            log.configure(self._config.log.format, self._config.log.level, self._config.log.file)

            def ready() -> None:
                os.write(writing, b"ready")
                os.close(writing)

            child.main(ready)
            status = 0
        except START_ERRORS as error:
            _tell(writing, str(error))
            status = 2
        except OSError as error:
            _tell(writing, f"{child.name}: {error.strerror or error}")
            log.get(part=child.name).error("defect", where="main", error=str(error), exc_info=error)
        except BaseException as error:  # noqa: BLE001  # the end of the process
            _tell(writing, f"{child.name}: {type(error).__name__}: {error}")
            log.get(part=child.name).error("defect", where="main", error=str(error), exc_info=error)
            if os.environ.get("SEAWAY_DEBUG"):
                traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)

    def _leave_root(self) -> None:
        drop(self._user)
        tie_to_parent(self._pid)

    def _await_ready(self, child: _Child) -> str | None:
        """`None` when the child is ready, else its line."""
        text, limit = b"", time.monotonic() + _READY_IN
        try:
            while (left := limit - time.monotonic()) > 0:
                if not select.select([self._reading], [], [], min(left, 0.25))[0]:
                    if self._told_to_stop():
                        return "stopped before it was ready"
                    continue
                more = os.read(self._reading, 4096)
                if not more:
                    break
                text += more
        finally:
            os.close(self._reading)
        if text == b"ready":
            self._log.info("child.ready", child=child.name, pid=child.pid)
            return None
        line = " ".join(text.decode("utf-8", "replace").split())
        return line or f"{child.name} did not become ready in {_READY_IN:g} s; look at its log"

    def _told_to_stop(self) -> bool:
        return bool(signal.sigpending() & {signal.SIGTERM, signal.SIGINT})

    def _announce(self, ready_file: Path) -> None:
        pids = {child.name: child.pid for child in self._children}
        if self._fast_path is not None and self._fast_path.process is not None:
            pids["worker"] = self._fast_path.process.pid
        known = {"node": self._config.node, "supervisor": self._pid, **pids, "restarts": self._restarts}
        write_anew(ready_file, json.dumps(known) + "\n")
        self._log.info("node.ready", **pids)
        if self._ready_fd is not None:
            os.write(self._ready_fd, b"ready\n")
            os.close(self._ready_fd)
            self._ready_fd = None

    # -- watching

    def _watch(self) -> int:
        while True:
            dues = [child.due for child in self._children if child.due is not None]
            if (deadline := self._alarms.next_deadline()) is not None:
                dues.append(deadline)
            wait = min(3600.0, max(0.0, min(dues) - time.monotonic())) if dues else 3600.0
            got = signal.sigtimedwait(self._signals, wait)
            if got is not None and got.si_signo in (signal.SIGTERM, signal.SIGINT):
                self._log.info("node.stopping", signal=got.si_signo)
                return 0
            if got is not None and got.si_signo == signal.SIGHUP:
                self._tls.reload({child.name for child in self._children if child.pid})
            self._tls.tick(time.monotonic())
            self._reap()
            self._worker_again()
            self._alarms.tick()
            for child in self._children:
                if len(child.deaths) > _INTENSITY[0]:
                    self._log.error("node.given_up", child=child.name, deaths=len(child.deaths))
                    print(
                        f"seaway: {child.name} died {len(child.deaths)} times in {_INTENSITY[1]:g} s; look at the log",
                        file=sys.stderr,
                    )
                    return 1
                if child.due is not None and child.due <= time.monotonic():
                    self._start(child)
                    failure = self._await_ready(child)
                    if failure is not None:
                        self._log.error("child.not_started", child=child.name, reason=failure)
                    else:
                        self._alarms.ease(RESTARTED, subject=child.name)
                        self._announce(self._config.run_dir / READY_FILE)

    def _reap(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if not child.pid:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            code = os.waitstatus_to_exitcode(status)
            if now - child.since > _STEADY:
                child.pause = _BACK_OFF[0]
            child.deaths = [each for each in child.deaths if each > now - _INTENSITY[1]] + [now]
            self._log.error("child.died", child=child.name, pid=child.pid, status=code, restart_in=child.pause)
            self._alarms.report(RESTARTED, f"{child.name}, process {child.pid}, {_ending(code)}", subject=child.name)
            self._restarts[child.name] += 1
            child.pid, child.due = 0, now + child.pause
            child.pause = min(child.pause * 2, _BACK_OFF[1])

    def _worker_again(self) -> None:
        """A dead worker took sockets and flows with it: start another, and the processes that used it, which open the
        same ports again from their notes."""
        path = self._fast_path
        if path is None or path.process is None or path.process.poll() is None:
            return
        self._log.error("worker.died", pid=path.process.pid, status=path.process.returncode)
        code = path.process.returncode
        self._restarts["worker"] += 1
        self._alarms.report(RESTARTED, f"worker, process {path.process.pid}, {_ending(code)}", subject="worker")
        if not path.worker_again(self._config.run_dir, self._user.uid if self._user else None):
            self._fast_path = self._choose()
        self._alarms.ease(RESTARTED, subject="worker")
        for child in self._children:
            if child.uses_fast_path and child.pid:
                _kill(child.pid, signal.SIGKILL)

    def _choose(self) -> FastPath:
        uid = self._user.uid if self._user else None
        path = choose(self._config.media.engine, self._addresses, self._config.run_dir, uid)
        self._log.info("fastpath.ready", engine=path.engine, reason=path.reason)
        if path.wanted is not None:
            self._alarms.report(ENGINE, f"{path.engine} carries media: {path.reason}", again=False)
        else:
            self._alarms.ease(ENGINE)
        return path

    # -- stopping

    def _stop(self) -> None:
        """End the children: SIGTERM, and SIGKILL for what has not gone in time."""
        alive = [child for child in self._children if child.pid]
        for child in alive:
            _kill(child.pid, signal.SIGTERM)
        limit = time.monotonic() + _STOP_IN
        while alive and time.monotonic() < limit:
            alive = [child for child in alive if not os.waitpid(child.pid, os.WNOHANG)[0]]
            if alive:
                signal.sigtimedwait({signal.SIGCHLD}, 0.05)
        for child in alive:
            self._log.warning("child.killed", child=child.name, pid=child.pid)
            _kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
        for child in self._children:
            child.pid = 0


def _ending(code: int) -> str:
    return f"ended with status {code}" if code >= 0 else f"was killed by signal {-code}"


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _tell(writing: int, line: str) -> None:
    try:
        os.write(writing, line.encode("utf-8", "replace")[:4000])
    except OSError:
        return  # it was ready before: the pipe is closed
