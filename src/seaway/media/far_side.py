"""What signalling says of a leg's far side: where it may send from, and how its media is protected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from seaway.core.traversal.probe import ProbeSender
from seaway.media.fast import FastFlows
from seaway.media.handshakes import Handshakes
from seaway.media.ice import IceLite
from seaway.media.latch import sendable
from seaway.media.legs import ComponentState, LegState, SessionState
from seaway.media.protection import Shield
from seaway.media.protocol import Address, Failed, Ice, Pause, Security, SetRemote
from seaway.media.sessions import no_session

__all__ = ["FarSides"]

_MAX_ALLOWED = 16  # addresses in one SetRemote
_MAX_CLOCKS = 16  # payload types in one SetRemote
_MAX_SSRCS = 64


class FarSides:
    """`probing` is called when a component has a new `ProbeSender`."""

    def __init__(
        self, sessions: Mapping[str, SessionState], fast: FastFlows, random_octets: Callable[[int], bytes],
        probing: Callable[[ComponentState, float], None], handshakes: Handshakes,
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._fast = fast
        self._random_octets = random_octets
        self._probing = probing
        self._handshakes = handshakes

    def _leg(self, command: SetRemote | Security | Ice | Pause) -> LegState | Failed:
        session = self._sessions.get(command.session)
        if session is None:
            return no_session(0, command.session)
        if not 0 <= command.stream < len(session.streams):
            return Failed(0, session.name, "no-stream", f"session {session.name} has no stream {command.stream}")
        return session.streams[command.stream].leg(command.leg)

    def pause(self, command: Pause) -> Failed | None:
        leg = self._leg(command)
        if isinstance(leg, Failed):
            return leg
        for component in leg.components:
            if component.latch is not None and component.flow is not None:
                component.latch.heard(self._fast.heard(component) or 0.0)
            component.paused = command.paused
            self._fast.moved(component)
        return None

    def secure(self, command: Security | Ice, now: float) -> Failed | None:
        leg = self._leg(command)
        if isinstance(leg, Failed):
            return leg
        if isinstance(command, Ice):
            return self._ice(leg, command, now)
        where = f"stream {command.stream} leg {command.leg}"
        before = [component.shield for component in leg.components]
        if command.mode == "dtls":
            failed = self._handshakes.secure(leg, command)
        else:
            try:
                shield = Shield(command.mode, command.receive, command.send, leg.rtp.shield)
            except ValueError as error:
                return Failed(0, command.session, "bad-key", f"{where}: {error}")
            failed = None
            for component in leg.components:
                component.shield = shield
        for component, old in zip(leg.components, before, strict=True):
            self._fast.moved(component)
            if old is not None and old is not component.shield:
                old.release(component.shield)
        return failed

    def _ice(self, leg: LegState, command: Ice, now: float) -> Failed | None:
        if leg.rtp.kind != "plain":
            return Failed(0, command.session, "not-plain", "only a plain leg can be an ICE agent")
        if command.ufrag and not (4 <= len(command.ufrag) <= 256 and 22 <= len(command.password) <= 256):
            return Failed(0, command.session, "bad-ice", "an ICE credential has 4 and 22 characters at least")
        for component in leg.components:
            component.mux = command.mux
            component.ice = _ice(command, component.ice)
            component.remote = _remote(component)
        for component in leg.components:
            self._fast.moved(component)
            if component.ice is not None and component.remote is not None:
                self._handshakes.start(component, component.remote, now)
        return None

    def set_remote(self, command: SetRemote, now: float) -> Failed | None:
        leg = self._leg(command)
        if isinstance(leg, Failed):
            return leg
        leg.rtp.opaque = leg.rtcp.opaque = command.opaque
        for each in (leg.rtp, leg.rtp.peer):  # an answer uses the offer's payload types
            if each is not None:
                each.counter.clocks.update(command.clocks[:_MAX_CLOCKS])
        try:
            if leg.rtp.ice is not None:
                pass  # its checks say where the far side is
            elif leg.rtp.kind == "plain":
                self._signal(leg, command, now)
            elif leg.rtp.kind == "probe":
                self._start_probes(leg, command, now)
        except ValueError as error:
            reason = f"stream {command.stream} leg {command.leg}: {error}"
            return Failed(0, command.session, "bad-address", reason)
        return None  # what is said of a demux leg's far side does not matter: only its probes do

    def _signal(self, leg: LegState, command: SetRemote, now: float) -> None:
        if len(command.allowed) > _MAX_ALLOWED:
            raise ValueError(f"more than {_MAX_ALLOWED} allowed addresses")
        allowed = frozenset(filter(None, map(_literal, command.allowed)))
        for component, hint in zip(leg.components, (command.rtp, command.rtcp), strict=True):
            assert component.latch is not None
            component.latch.signal(hint, allowed, now, frozenset(command.ssrcs[:_MAX_SSRCS]))
            component.remote = _remote(component)
            self._fast.moved(component)
        self._begin(leg, command, allowed, now)

    def _begin(self, leg: LegState, command: SetRemote, allowed: frozenset[str], now: float) -> None:
        """Active handshakes go to the learned source, or else to the signalled address: a passive far side sends
        nothing before it hears of us. No media goes there."""
        for component, hint in zip(leg.components, (command.rtp, command.rtcp), strict=True):
            if component is leg.rtcp and (command.rtcp == command.rtp or component.mux):
                return  # multiplexed
            host = _literal(hint[0])
            if component.remote is not None:
                self._handshakes.start(component, component.remote, now)
            elif component.ice is None and host in allowed and host is not None and sendable(host, hint[1]):
                self._handshakes.start(component, (host, hint[1]), now)

    def _start_probes(self, leg: LegState, command: SetRemote, now: float) -> None:
        if not command.ufrag or not command.password or len(command.ufrag) > 256 or len(command.password) > 256:
            raise ValueError("a probe leg needs ufrag and password, 1 to 256 characters each")
        remotes = [_destination(address) for address in (command.rtp, command.rtcp)]
        credential = (command.ufrag.encode(), command.password.encode())
        for component, remote in zip(leg.components, remotes, strict=True):
            before = component.probe
            if before is not None and before.remote == remote and (leg.user, leg.key) == credential:
                continue
            component.remote = None
            self._fast.moved(component)
            sequence = before.sequence if before is not None else 0
            component.probe = ProbeSender(
                remote, command.ufrag, command.password, now, self._random_octets, sequence=sequence
            )
            self._probing(component, now)
        leg.user, leg.key = credential


def _ice(command: Ice, before: IceLite | None) -> IceLite | None:
    """The state of a component after a command."""
    if not command.ufrag:
        return None
    if before is not None and not before.same(command.ufrag, command.password):
        before = before.earlier(command.ufrag, command.password) or before
    if before is None or not before.same(command.ufrag, command.password):
        return IceLite(command.ufrag, command.password, command.remote, before)
    before.told(command.remote)
    return before


def _remote(component: ComponentState) -> Address | None:
    """Where media of a plain leg goes, as far as ICE or the latch knows."""
    if component.ice is not None:
        return component.ice.selected
    return component.latch.source if component.latch is not None else None


def _literal(host: str) -> str | None:
    """The normal form of an IP literal. SDP may have a DNS name in `c=`; no packet comes from one, it is left out."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _destination(address: Address) -> Address:
    host, port = str(ip_address(address[0])), address[1]
    if not sendable(host, port):
        raise ValueError(f"{address[0]} port {port} is no address to send probes to")
    return host, port
