"""`seaway lab run`: two phones, two calls, and what they left at the firewalls; then a live view until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from seaway.lab.accounts import ALICE, BOB, CAROL, DAVE, LabUser
from seaway.lab.dns import DOMAIN
from seaway.lab.errors import LabError
from seaway.lab.firewall import read_counters
from seaway.lab.join import join_lines
from seaway.lab.measure import expire_idle_udp
from seaway.lab.pair import NODES
from seaway.lab.plan import Variant
from seaway.lab.session import CallReport, Session
from seaway.lab.show import call_table, hops, proof_table, state_table
from seaway.lab.stage import Stage
from seaway.runtime.config import EngineName

__all__ = ["run"]


def run(
    name: str,
    variant: Variant,
    *,
    once: bool,
    loopback: bool = False,
    engine: EngineName = "auto",
    console: Console | None = None,
) -> None:
    """The demo. Returns when everything worked (`once`) or after Ctrl-C. Raises LabError with the reason."""
    out = console or Console()
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        if os.geteuid() == 0 and not loopback:
            out.print(f"[bold]lab[/] {variant}: hosts, two firewalls with default deny, name servers")
            stage = stack.enter_context(Stage.in_namespaces(name, variant, engine=engine))
        else:
            out.print(
                f"{'loopback' if loopback else 'not root'}: pair and phones run on loopback addresses, "
                "[yellow]without firewalls[/]; run as root for the whole lab"
            )
            stage = stack.enter_context(Stage.on_loopback())
        stack.callback(stage.pair.stop)
        stage.pair.start()
        out.print(f"[bold]pair[/] core1 and edge1 run ({time.monotonic() - begin:.1f} s)")
        for node in NODES:
            (found,) = stage.pair.status(node, "relay")
            out.print(f"[bold]media[/] {node}: {found['engine']} ({found['reason']})")
        session = stage.session()
        stack.callback(session.close)
        _ready(stage, session, out)
        _calls(stage, session, out)
        _proof(stage, out)
        out.print(f"[green]both calls worked[/] ({time.monotonic() - begin:.1f} s)")
        if not once:
            _stay(name, stage, out)


def _ready(stage: Stage, session: Session, out: Console) -> None:
    session.launch()
    if not stage.pair.wait_zone(10.0):
        raise LabError("the traversal zone does not become active", "pair", stage.pair.crash_report())
    out.print("[bold]zone[/] the core dialled the edge: active at both ends")
    for user in (ALICE, BOB):
        if not session.registered(user.name, 8.0):
            raise LabError(f"{user.name} cannot register at {user.node}", "phone", session.phones[user.name].tail())
        home = "a home router, over IPv6" if stage.site.outside_six else "a home NAT"
        where = f"outside, behind {home}" if user is ALICE else "inside"
        if stage.site.loopback:
            where = "on loopback"
        out.print(f"[bold]{user.name}[/] ({where}) registered at {user.node}")


def _calls(stage: Stage, session: Session, out: Console) -> None:
    one: tuple[LabUser, LabUser] = (ALICE, BOB)
    for (caller, callee), who in ((one, "caller"), (one[::-1], "callee")):
        if stage.network is not None:
            expire_idle_udp(stage.network)  # so that the table shows the core's calls to phones under their own row
        out.print(f"\n[bold cyan]{caller.name} calls {callee.name}[/] ...")
        report = session.call(caller, callee, talk=3.0, hang_up="caller" if who == "caller" else "callee")
        _show(report, who, out, stage.site.loopback)
        if not report.good:
            raise LabError(report.problem(), "call", stage.pair.crash_report())


def _show(report: CallReport, who: str, out: Console, loopback: bool) -> None:
    if not report.established:
        return
    out.print(
        f"  answered after {report.setup_ms:.0f} ms, {report.seconds:.1f} s of tones both ways, hung up by the {who}"
    )
    out.print(f"  signalling: {hops(report, loopback)}")
    out.print(call_table(report))


def _proof(stage: Stage, out: Console) -> None:
    if stage.network is None:
        out.print("no firewalls here, so there is no proof table; `seaway lab prove` as root has the whole proof")
        return
    out.print(proof_table(read_counters(stage.network), stage.resolution))


def _stay(name: str, stage: Stage, out: Console) -> None:
    """The live view, until Ctrl-C."""
    for line in join_lines(name, stage, (CAROL, DAVE), f"sip:{BOB.name}@{DOMAIN}"):
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    with contextlib.suppress(KeyboardInterrupt), Live(console=out, refresh_per_second=2) as live:
        while True:
            live.update(_view(stage))
            time.sleep(1.0)
    out.print("taking the lab down")


def _view(stage: Stage) -> Group:
    state: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for node in NODES:
        try:
            state[node] = {what: stage.pair.status(node, what) for what in ("zones", "registrations", "calls")}
        except LabError as error:
            state[node] = {"zones": [{"name": "-", "state": "no answer", "reason": str(error)}]}
    parts: list[Any] = [state_table(state)]
    if stage.network is not None:
        parts.append(proof_table(read_counters(stage.network), stage.resolution))
    parts.append(Text("Ctrl-C ends the lab", "dim"))
    return Group(*parts)
