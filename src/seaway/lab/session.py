"""One lab with everything running: pair, phones, and calls between them, with what each side saw of a call.

The demo, the proof and the interop tests are made of this.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from seaway.lab.accounts import ALICE, BOB, LabUser
from seaway.lab.dns import DOMAIN
from seaway.lab.errors import LabError
from seaway.lab.machines import Machines
from seaway.lab.pair import NODES, Pair
from seaway.lab.phones.baresip import Account, Baresip, Encryption
from seaway.lab.phones.sound import Heard

__all__ = ["CallReport", "Direction", "Session", "Site"]


@dataclass(frozen=True, slots=True)
class Site:
    """Where the phones find the nodes; differs between namespaces and loopback."""

    edge_proxy: str  # host:port for TLS from outside
    core_proxy: str  # host:port for UDP from inside
    dns: str | None = None  # name server (address:port) of the outside phone
    loopback: bool = False
    outside_six: bool = False  # the outside phone has IPv6 only


@dataclass(frozen=True, slots=True)
class Direction:
    """Media one way, as the two phones saw it. `heard` judges the receiver's recording."""

    sender: str
    receiver: str
    sent: int
    received: int
    lost: int
    jitter_ms: float
    rtcp_seen: bool  # the receiver has had a sender report
    heard: Heard | None

    @property
    def good(self) -> bool:
        return self.received > 0 and self.heard is not None and self.heard.good


@dataclass(slots=True)
class CallReport:
    caller: str
    callee: str
    established: bool = False
    ended: bool = False
    reason: str = ""
    setup_ms: float = 0.0
    seconds: float = 0.0
    directions: list[Direction] = field(default_factory=list)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)  # node -> its record of the ended call

    @property
    def good(self) -> bool:
        """Answered, heard at both ends, and over at both ends."""
        return self.established and len(self.directions) == 2 and not self.problem()

    def problem(self) -> str:
        """One line that says what is wrong; empty when nothing is."""
        if not self.established:
            return f"{self.caller} cannot call {self.callee}: {self.reason or 'no answer'}"
        for each in self.directions:
            if not each.good:
                heard = each.heard
                detail = f"tone share {heard.tone:.2f}, {heard.seconds:.1f} s recorded" if heard else "nothing recorded"
                return f"no sound from {each.sender} to {each.receiver}: {each.received} packets, {detail}"
        if not self.ended:
            return f"the call of {self.caller} and {self.callee} did not end at both phones"
        return ""


class Session:
    """Phones on a running pair. `close()` ends the phones; the pair and the network have their own owners."""

    def __init__(self, machines: Machines, pair: Pair, site: Site) -> None:
        self.machines, self.pair, self.site = machines, pair, site
        self.phones: dict[str, Baresip] = {}

    def phone(self, user: LabUser, encryption: Encryption | None = None, ice: bool = False) -> Baresip:
        """Make a phone for `user`; it registers when launched."""
        outside = user.node == "edge1"
        six = outside and self.site.outside_six
        index = 0 if outside else 1
        account = Account(
            user.name,
            user.password,
            DOMAIN,
            "tls" if outside else "udp",
            self.site.edge_proxy if outside else self.site.core_proxy,
        )
        directory = self.machines.dir / f"phone-{user.name}"
        loop = self.site.loopback
        made = Baresip(
            user.name,
            directory,
            account,
            user.tone,
            lambda command, log: self.machines.start(user.host, command, log),
            listen=f"127.0.0.1:{15060 + 10 * index}" if loop else "[::]:5060" if six else "0.0.0.0:5060",
            six=six,
            namespace=self.machines.namespace(user.host),
            ca=self.pair.ca() if outside else None,
            dns=self.site.dns if outside else None,
            control=14440 + index if loop else 4444,
            rtp_ports=f"{20000 + 2000 * index}-{21998 + 2000 * index}" if loop else "10000-19999",
            interface="127.0.0.1" if loop else None,
            encryption=encryption,
            ice=ice,
        )
        self.phones[user.name] = made
        return made

    def launch(self, users: tuple[LabUser, ...] = (ALICE, BOB), encryption: Encryption | None = None) -> None:
        """Start phones, all at once. Raises LabError."""
        for user in users:
            self.phone(user, encryption)
        for phone in self.phones.values():
            phone.launch()

    def registered(self, name: str, patience: float = 5.0) -> bool:
        return self.phones[name].registered(patience)

    def call(
        self,
        caller: LabUser,
        callee: LabUser,
        *,
        talk: float = 3.0,
        until_rtcp: float = 0.0,
        hang_up: Literal["caller", "callee"] = "caller",
        patience: float = 4.0,
    ) -> CallReport:
        """One call: dial, wait for the answer, `talk` seconds of tones, hang up, wait until both phones know.

        `until_rtcp`: stay longer, up to so many seconds, until both phones have had a sender report. Never raises for
        a call that fails; the report says why.
        """
        near, far = self.phones[caller.name], self.phones[callee.name]
        report = CallReport(caller.name, callee.name)
        near.forget_recordings()
        far.forget_recordings()
        marks = near.mark(), far.mark()
        begin = time.monotonic()
        near.dial(f"sip:{callee.name}@{DOMAIN}")
        event = near.wait("CALL_ESTABLISHED", "CALL_CLOSED", "GONE", since=marks[0], patience=patience)
        if event is None or event["type"] != "CALL_ESTABLISHED":
            report.reason = str(event.get("param", "phone is gone")) if event else "no answer"
            near.hang_up()
            far.hang_up()
            near.wait("CALL_CLOSED", since=marks[0], patience=1.0)
            return report
        report.established = True
        report.setup_ms = (time.monotonic() - begin) * 1000
        far.wait("CALL_ESTABLISHED", since=marks[1], patience=1.0)
        answered = time.monotonic()
        self._talk(report, near, far, talk, until_rtcp, (caller, callee))
        report.seconds = time.monotonic() - answered
        sessions = {node: self._live(node) for node in NODES}
        (near if hang_up == "caller" else far).hang_up()
        closed = [
            phone.wait("CALL_CLOSED", since=mark, patience=2.0) is not None
            for phone, mark in zip((near, far), marks, strict=True)
        ]
        report.ended = all(closed)
        if not report.ended:
            near.hang_up()
            far.hang_up()
        for node, found in sessions.items():
            record = self._ended(node, found) if found else None
            if record is not None:
                report.nodes[node] = record
        return report

    def _talk(
        self,
        report: CallReport,
        near: Baresip,
        far: Baresip,
        talk: float,
        until_rtcp: float,
        users: tuple[LabUser, LabUser],
    ) -> None:
        begin = time.monotonic()
        while True:
            time.sleep(0.1)
            passed = time.monotonic() - begin
            done = passed >= talk
            if done and until_rtcp and passed < until_rtcp:
                stats = near.stats(), far.stats()
                done = all(each is not None and each.reports for each in stats)
            if done:
                break
        ways = ((near, far, users[0]), (far, near, users[1]))
        for sender, receiver, user in ways:
            out, into = sender.stats(), receiver.stats()
            report.directions.append(
                Direction(
                    sender=sender.name,
                    receiver=receiver.name,
                    sent=out.sent if out else 0,
                    received=into.received if into else 0,
                    lost=into.lost if into else 0,
                    jitter_ms=into.jitter_ms if into else 0.0,
                    rtcp_seen=bool(into and into.reports),
                    heard=receiver.heard(user.tone),
                )
            )

    def _live(self, node: str) -> str | None:
        """The node's session of the call under way."""
        try:
            calls = self.pair.status(node, "calls")
        except LabError:
            return None
        return str(calls[-1]["session"]) if calls else None

    def _ended(self, node: str, session: str, patience: float = 1.0) -> dict[str, Any] | None:
        """The node's record of an ended call, with what its relay counted."""
        limit = time.monotonic() + patience
        while True:
            try:
                found = [each for each in self.pair.status(node, "history") if each["session"] == session]
            except LabError:
                return None
            if found and (found[0]["media"] or time.monotonic() > limit):
                return found[0]
            if time.monotonic() > limit:
                return None
            time.sleep(0.02)

    def close(self) -> None:
        for phone in self.phones.values():
            phone.end()
        for phone in self.phones.values():
            phone.close(0.7)
        self.phones.clear()
