"""DTLS-SRTP on the legs of a relay: whose handshake it is, where its datagrams go, what its end changes.

Who may send at all is decided before (`engine.py`): only what a leg's latch, probe or binding admits comes here (R15).
RTP and RTCP ports have an association each, as RFC 5764 §3 has it for ports that are not multiplexed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seaway.core.srtp.receiver import Receiver
from seaway.core.srtp.sender import Sender
from seaway.identity.dtls import DtlsIdentity
from seaway.media.dtls import Association
from seaway.media.legs import ComponentState, LegState
from seaway.media.protection import Shield
from seaway.media.protocol import Address, Failed, Secured, Security, SecurityFailed

__all__ = ["Handshake", "Handshakes"]


class Handshake(NamedTuple):
    """What a timer is for."""

    component: ComponentState
    association: Association


class Handshakes:
    """Of one relay. Without `identity` there is no DTLS. `send` lets a datagram out, `tell` an event; `secured` is
    called when media may come from an address; `push` sets a timer, after which `timeout` is due."""

    def __init__(
        self,
        identity: DtlsIdentity | None,
        random_octets: Callable[[int], bytes],
        send: Callable[[ComponentState, bytes, Address], None],
        tell: Callable[[Secured | SecurityFailed], None],
        secured: Callable[[ComponentState, Address, float], None],
        push: Callable[[float, Handshake], None],
    ) -> None:
        self._identity = identity
        self._random_octets = random_octets
        self._send, self._tell, self._secured, self._push = send, tell, secured, push

    def secure(self, leg: LegState, command: Security) -> Failed | None:
        """Carry out a `Security` of DTLS."""
        if self._identity is None:
            return Failed(0, command.session, "no-security", f"stream {command.stream}: this relay has no DTLS")
        shield = leg.rtp.shield
        before = shield.association if shield is not None else None
        if before is not None and (before.role, before.fingerprints) == (command.role, command.fingerprints):
            return None
        for component in leg.components:
            component.shield = Shield("dtls")
            component.shield.association = self._association(command)
        return None

    def again(self, component: ComponentState) -> None:
        """A component of an earlier process: what it knew of an association becomes one."""
        shield = component.shield
        if shield is None or shield.mode != "dtls" or self._identity is None or shield.association is not None:
            return
        role, fingerprints = shield.remembered
        shield.association = Association(self._identity, role, fingerprints, self._random_octets)
        if shield.receivers:
            shield.association.established()

    def _association(self, command: Security) -> Association:
        assert self._identity is not None
        return Association(self._identity, command.role, command.fingerprints, self._random_octets)

    def start(self, component: ComponentState, remote: Address, now: float) -> None:
        """Begin an active handshake when there is one to begin."""
        association = component.shield.association if component.shield is not None else None
        if association is not None and association.role == "active" and association.source is None:
            association.start(remote, now)
            self._drain(component, association, now)

    def receive(self, component: ComponentState, data: bytes, source: Address, now: float) -> None:
        association = component.shield.association if component.shield is not None else None
        if association is not None:
            if (
                component.ice is not None
            ):  # an association belongs to a peer, whichever valid pair it uses (RFC 5763 §5)
                source = component.ice.selected or source
            association.receive(data, source, now, proved=component.ice is not None)
            self._drain(component, association, now)

    def moved(self, component: ComponentState, remote: Address) -> None:
        """ICE selected another pair: the association goes there."""
        association = component.shield.association if component.shield is not None else None
        if association is not None and association.source is not None:
            association.source = remote

    def timeout(self, it: Handshake, when: float, now: float) -> None:
        component, association = it
        if association.due != when or component.session.closed:
            return
        association.due = None
        if component.shield is not None and component.shield.association is association:
            association.handle_timeout(now)
            self._drain(component, association, now)

    def _drain(self, component: ComponentState, association: Association, now: float) -> None:
        while (datagram := association.next_datagram()) is not None:
            self._send(component, *datagram)
        shield = component.shield
        assert shield is not None
        if association.failure is not None:
            self._failed(component, association, *association.failure)
        elif association.keys is not None and shield.sender is None:
            ours, theirs = association.keys
            shield.receivers, shield.sender = [Receiver(theirs)], Sender(ours)
            assert association.source is not None and association.suite is not None
            if component.component == "rtp":
                session = component.session.name
                self._tell(Secured(session, component.stream, component.leg, association.suite))
            self._secured(component, association.source, now)
        deadline = association.next_deadline()
        if deadline is not None and (association.due is None or deadline < association.due):
            association.due = deadline
            self._push(deadline, Handshake(component, association))

    def _failed(self, component: ComponentState, association: Association, what: str, reason: str) -> None:
        """Told once. A peer that multiplexes RTCP lets the handshake of the RTCP port die, which is no failure."""
        if association.told or (component.component == "rtcp" and what == "timeout"):
            return
        association.told = True
        place = f"stream {component.stream} leg {component.leg}"
        self._tell(SecurityFailed(component.session.name, component.stream, component.leg, what, f"{place}: {reason}"))
