"""Which peers a client may reach through a relay (R1, R2): the most specific network that has the address decides.

* Networks of `special.py` and of `inside` are refused; `allow` and `deny` of the configuration are more networks in the
  same table. Of two entries for the same network `deny` wins over `allow`, and both win over the default: `allow
  10.0.0.0/8` opens it, `allow 0.0.0.0/0` opens nothing special.
* An address that no network has may be reached.
* An IPv6 address with IPv4 addresses inside must pass for itself and for each of them.
* Addresses of `own` are refused in every spelling, and no `allow` changes that. The one exception is not made here: a
  relay port in use at our own public address is a peer like any other (`table.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from seaway.core.turn.config import Network
from seaway.core.turn.fold import fold
from seaway.core.turn.special import SPECIAL

__all__ = ["PeerPolicy"]

Host = IPv4Address | IPv6Address


class PeerPolicy:
    def __init__(
        self,
        own: Iterable[str] = (),
        allow: Iterable[Network] = (),
        deny: Iterable[Network] = (),
        nat64: Iterable[IPv6Network] = (),
        inside: Iterable[Network] = (),
    ) -> None:
        self._nat64 = tuple(nat64)
        self._own = frozenset(each for host in own for each in self._forms(ip_address(host)))
        self._table: dict[tuple[int, int, int], bool] = {}  # (version, prefix length, prefix) -> may be reached
        for networks, verdict in ((SPECIAL, False), (tuple(inside), False), (tuple(allow), True), (tuple(deny), False)):
            for network in networks:
                self._table[network.version, network.prefixlen, self._prefix(network)] = verdict
        self._lengths = {
            version: sorted({length for of, length, _ in self._table if of == version}, reverse=True)
            for version in (4, 6)
        }
        self.allows = lru_cache(8192)(self._allows)
        """Whether a peer at this host (an IP literal) may be reached."""

    def _allows(self, host: str) -> bool:
        try:
            forms = self._forms(ip_address(host))
        except ValueError:
            return False  # a scope, a name: nothing that came out of an attribute
        return all(form not in self._own and self._passes(form) for form in forms)

    def _forms(self, address: Host) -> tuple[Host, ...]:
        if isinstance(address, IPv4Address):
            return (address,)
        return (address, *fold(address, self._nat64))

    def _passes(self, address: Host) -> bool:
        width = address.max_prefixlen
        number = int.from_bytes(address.packed, "big")
        for length in self._lengths[address.version]:
            verdict = self._table.get((address.version, length, number >> width - length))
            if verdict is not None:
                return verdict
        return True

    @staticmethod
    def _prefix(network: Network) -> int:
        number = int.from_bytes(network.network_address.packed, "big")
        return number >> network.max_prefixlen - network.prefixlen
