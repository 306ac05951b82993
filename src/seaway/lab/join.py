"""How to join a running lab with a SIP client of one's own: a prepared baresip each, and the account data."""

from __future__ import annotations

import os
import shutil

from seaway.lab.accounts import LabUser
from seaway.lab.pair import seaway_command
from seaway.lab.session import Session
from seaway.lab.stage import Stage

__all__ = ["join_lines"]


def _program() -> str:
    """How the user can type `seaway` from here."""
    if shutil.which("seaway"):
        return "seaway"
    return " ".join(os.path.relpath(each) if os.sep in each else each for each in seaway_command())


def join_lines(name: str, stage: Stage, users: tuple[LabUser, ...], target: str) -> list[str]:
    """Lines to print. Writes a phone directory for each user, with a key-driven menu instead of the control port."""
    lines = ["", "Join with any SIP client:"]
    option = "" if name == "lab" else f" --name {name}"
    session = Session(stage.machines, stage.pair, stage.site)
    for user in users:
        phone = session.phone(user)
        phone.write_interactive()
        outside = user.node == "edge1"
        proxy = stage.site.edge_proxy if outside else stage.site.core_proxy
        way = f"TLS to {proxy}, CA {stage.pair.ca()}" if outside else f"UDP to {proxy}"
        where = f"on host {user.host}" if stage.network is not None else "on this machine"
        lines.append(f"  {user.name}@example.test, password {user.password}, {way}, {where}")
        start = f"baresip -f {phone.dir}"
        if stage.network is not None:
            start = f"{_program()} lab exec{option} {user.host} -- {start}"
        lines.append(f"    {start}      then type: /dial {target}")
    lines.append("  (password and CA are of this lab alone; `/hangup` ends a call, `/quit` the phone)")
    return lines
