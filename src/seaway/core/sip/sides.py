"""How we look from each side: Via and Record-Route prefixes per transport and NIC, and which addresses are ours."""

from __future__ import annotations

from functools import lru_cache

from seaway.core.sip.io import Address, Flow, Hop, TransportName

__all__ = ["Sides", "host_port"]

_DIALLED: tuple[TransportName, ...] = ("tls", "tcp", "udp")

_NOWHERE = b"Record-Route: <sip:%b@anonymous.invalid;lr>"


@lru_cache(maxsize=10_000)
def host_port(address: Address) -> bytes:
    """`host:port` as it stands in SIP; IPv6 in brackets."""
    host, port = address
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()


class Sides:
    """Prebuilt octets for each (transport, NIC) of a node.

    `advertised` maps (transport, NIC) to the address that others use for us there, `advertised6` to the IPv6 one where
    there are both; `own` are further spellings that name us in Route and Request-URI (other addresses of the node, its
    host names), as `host` or `host:port`.
    """

    def __init__(
        self,
        advertised: dict[tuple[TransportName, str], Address],
        own: frozenset[bytes],
        advertised6: dict[tuple[TransportName, str], Address] | None = None,
    ) -> None:
        self._vias: dict[tuple[str, str, bool], bytes] = {}
        self._routes: dict[tuple[str, str, bool], bytes] = {}
        names = set(own)
        second = advertised6 or {}
        for family, six in ((advertised or second, False), (second or advertised, True)):
            for (transport, nic), address in family.items():
                place = host_port(address)
                names.add(place)
                self._put(transport, nic, six, place)
            self._fill(family, six)
        self._present = frozenset((*advertised, *second))
        self.own = frozenset(names)

    def _put(self, transport: str, nic: str, six: bool, place: bytes) -> None:
        self._vias[transport, nic, six] = _via(transport, place)
        # RFC 7118 §5.2: in a URI it is `ws` whether or not TLS is below.
        parameter = b"" if transport == "udp" else b";transport=" + transport.replace("wss", "ws").encode()
        route = b"Record-Route: <sip:%%b@%b%b;lr>" % (place, parameter)
        other = self._routes.get((transport, nic, False))
        self._routes[transport, nic, six] = other if other == route else route  # one side, one object

    def _fill(self, advertised: dict[tuple[TransportName, str], Address], six: bool) -> None:
        """A connection that we dial may use a transport on which nobody can reach us on that NIC: then Via and
        Record-Route name another listener of ours, and the peer keeps to the connection (RFC 5923)."""
        for nic in ("inner", "outer"):
            near = [key for key in advertised if key[1] == nic] or list(advertised)
            for transport in ("udp", "tcp", "tls"):
                if (transport, nic, six) in self._vias:
                    continue
                place = host_port(advertised[near[0]]) if near else b"anonymous.invalid"  # no SIP listener at all
                self._vias[transport, nic, six] = _via(transport, place)
                other = self._routes[*near[0], six] if near else _NOWHERE
                self._routes[transport, nic, six] = other

    def has(self, transport: TransportName, nic: str) -> bool:
        """Whether we can be reached over `transport` on `nic`."""
        return (transport, nic) in self._present

    def transports(self, nic: str) -> tuple[TransportName, ...]:
        """What we may dial by on `nic`: that by which we can be reached, preferred first."""
        return tuple(each for each in _DIALLED if (each, nic) in self._present)

    def via(self, where: Flow | Hop) -> bytes:
        """The Via line up to the branch value."""
        return self._vias[where.transport, where.nic, where.six]

    def record_route(self, where: Flow | Hop) -> bytes:
        """The Record-Route line with `%b` in place of the token. The same object for the same side."""
        return self._routes[where.transport, where.nic, where.six]

    def path(self, where: Flow | Hop, token: bytes, outbound: bool) -> bytes:
        """The Path value towards `where` (RFC 3327 §5.2); `ob` says that we keep the flow (RFC 5626 §5.1)."""
        value = self._routes[where.transport, where.nic, where.six].partition(b": ")[2] % token
        return value[:-1] + b";ob>" if outbound else value


def _via(transport: str, place: bytes) -> bytes:
    """Over TLS with `alias`: the peer may use our connection for its own requests (RFC 5923 §5)."""
    alias = b";alias" if transport == "tls" else b""
    return b"Via: SIP/2.0/%b %b;rport%b;branch=" % (transport.upper().encode(), place, alias)
