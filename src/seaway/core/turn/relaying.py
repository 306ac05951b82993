"""Application data: Send and Data indications, ChannelData (RFC 8656 §11, §12.5 to §12.7). What a fast path
forwards never comes here. Whatever is not in order is dropped in silence, as the standard says."""

from __future__ import annotations

from seaway.core.turn.allocation import Allocation
from seaway.core.turn.io import Address, ClientKey, RelayKey, SendToClient, SendToPeer
from seaway.core.turn.parts import Parts
from seaway.wire.stun.address import decode_xor_address, xor_peer_address
from seaway.wire.stun.attribute import Attribute, AttributeType, encode_attribute
from seaway.wire.stun.channel_data import decode_channel_data, encode_channel_data
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.header import MAGIC_COOKIE
from seaway.wire.stun.icmp import Icmp, icmp
from seaway.wire.stun.methods import INDICATION, Method
from seaway.wire.stun.view import View

__all__ = ["Relaying"]

_PEER = AttributeType.XOR_PEER_ADDRESS.value
_DATA = AttributeType.DATA.value
_SEND_KNOWN = frozenset((_PEER, _DATA))
_DATA_INDICATION = (Method.DATA | INDICATION).to_bytes(2, "big")
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")


class Relaying:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._outputs = parts.outputs
        self._owners = parts.relays.owners
        self._hosts = parts.relays.hosts
        self._by_client = parts.table.by_client

    def send(self, message: View, allocation: Allocation, now: float) -> None:
        """A Send indication (§11.2). DONT-FRAGMENT is unknown here, so with it nothing is sent."""
        values = message.values
        if _PEER not in values or _DATA not in values or allocation.transport != "udp":
            return
        if any(kind < 0x8000 and kind not in _SEND_KNOWN for kind in values):
            return
        try:
            peer = decode_xor_address(values[_PEER], message.transaction_id)
        except StunError:
            return
        if not peer[1] or not allocation.permitted(peer[0], now):
            return
        route, relay = self._parts.route("udp", peer), allocation.relay_for(peer[0])
        if route is not None and relay is not None:
            self._outputs.append(SendToPeer(relay.key, route[0], values[_DATA]))

    def channel_data(self, data: bytes, client: ClientKey, now: float) -> None:
        """§12.6. Raises `StunError` for a length that does not agree."""
        number, payload = decode_channel_data(data)
        allocation = self._by_client.get(client)
        channel = allocation.channels.get(number) if allocation is not None else None
        if channel is None or channel.expires <= now:
            return
        if channel.own and not self._same_relay(channel.peer, channel.wire):
            return
        self._outputs.append(SendToPeer(channel.relay.key, channel.wire, payload))

    def peer_data(self, key: RelayKey, source: Address, data: bytes, now: float) -> None:
        """A datagram at a relay port (§11.3, §12.7): only with a permission, over the channel when there is one."""
        owner = self._owners.get(key)
        if owner is None:
            return
        if source[0] in self._hosts:
            public = self._parts.relays.public_source("udp", source)
            if public is None:
                return
            source = public
        allocation = owner[0]
        if allocation.permissions.get(source[0], 0.0) <= now:
            return
        channel = allocation.by_peer.get(source)
        if channel is not None and channel.expires > now:
            frame = encode_channel_data(channel.number, data, stream=allocation.stream)
            self._outputs.append(SendToClient(allocation.client, frame))
        else:
            self._indicate(allocation, source, encode_attribute(Attribute(_DATA, data)))

    def peer_unreachable(self, key: RelayKey, remote: Address, error: Icmp, now: float) -> None:
        """An ICMP error for a datagram of a relay (§11.5): told to the client, if the peer is permitted."""
        owner = self._owners.get(key)
        if owner is not None and owner[0].permitted(remote[0], now):
            self._indicate(owner[0], remote, encode_attribute(icmp(error)))

    def _indicate(self, allocation: Allocation, peer: Address, last: bytes) -> None:
        transaction_id = self._parts.random_octets(12)
        body = encode_attribute(xor_peer_address(peer, transaction_id)) + last
        if len(body) > 0xFFFF:
            return
        head = _DATA_INDICATION + len(body).to_bytes(2, "big") + _COOKIE + transaction_id
        self._outputs.append(SendToClient(allocation.client, head + body))

    def _same_relay(self, public: Address, local: Address) -> bool:
        relay = self._parts.relays.by_public.get(("udp", public))
        return relay is not None and relay.local == local
