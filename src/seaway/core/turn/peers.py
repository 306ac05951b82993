"""Refresh, CreatePermission, ChannelBind (RFC 8656 §8.2, §10.2, §12.2): what a client does with its allocation."""

from __future__ import annotations

from seaway.core.turn.allocate import granted
from seaway.core.turn.allocation import CHANNEL_LIFETIME, CHANNEL_REST, PERMISSION_LIFETIME, Allocation, Channel
from seaway.core.turn.io import Address
from seaway.core.turn.login import Login
from seaway.core.turn.parts import Parts
from seaway.core.turn.request import Request, encoded, failure, success
from seaway.wire.stun.address import decode_xor_address
from seaway.wire.stun.address_family import decode_address_family
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.channel_data import MAX_CHANNEL, MIN_CHANNEL, decode_channel_number
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.lifetime import decode_lifetime, lifetime

__all__ = ["Peers"]

_LIFETIME = AttributeType.LIFETIME.value
_FAMILY = AttributeType.REQUESTED_ADDRESS_FAMILY.value
_PEER = AttributeType.XOR_PEER_ADDRESS.value
_CHANNEL = AttributeType.CHANNEL_NUMBER.value


class Peers:
    """Each method gives the answer. They are called with a proven request."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def refresh(self, request: Request, login: Login) -> bytes:
        allocation = request.allocation
        if allocation is None:
            return failure(request, 437)
        if allocation.login.user != login.user:
            return failure(request, 441)
        values = request.message.values
        try:
            family = decode_address_family(values[_FAMILY]) if _FAMILY in values else None
            wanted = values.get(_LIFETIME)
            ending = wanted is not None and decode_lifetime(wanted) == 0
            seconds = granted(self._parts, login, request, wanted)
        except StunError:
            return failure(request, 400)
        if _FAMILY in values and family not in allocation.relays:
            return failure(request, 443)
        if ending:
            self._end(allocation, family, request.now)
            return success(request, encoded(lifetime(0)))
        if seconds <= 0:
            return failure(request, 401)
        allocation.lifetime = seconds
        allocation.expires = request.now + seconds
        self._parts.table.arm(allocation, request.now)
        return success(request, encoded(lifetime(seconds)))

    def create_permission(self, request: Request, login: Login) -> bytes:
        """All peers of the request or none (RFC 8656 §10.2)."""
        allocation = request.allocation
        if allocation is None:
            return failure(request, 437)
        if allocation.login.user != login.user:
            return failure(request, 441)
        peers = request.message.peers
        if not peers:
            return failure(request, 400)
        hosts: list[str] = []
        for value in peers:
            try:
                peer = decode_xor_address(value, request.message.transaction_id)
            except StunError:
                return failure(request, 400)
            code = self._objection(allocation, peer)
            if code:
                return failure(request, code)
            hosts.append(peer[0])
        if not self._permit(allocation, hosts, request.now):
            return failure(request, 508)
        return success(request)

    def channel_bind(self, request: Request, login: Login) -> bytes:
        allocation, values = request.allocation, request.message.values
        if allocation is None:
            return failure(request, 437)
        if allocation.login.user != login.user:
            return failure(request, 441)
        if _CHANNEL not in values or _PEER not in values or allocation.transport != "udp":
            return failure(request, 400)
        try:
            number = decode_channel_number(values[_CHANNEL])
            peer = decode_xor_address(values[_PEER], request.message.transaction_id)
        except StunError:
            return failure(request, 400)
        if not MIN_CHANNEL <= number <= MAX_CHANNEL or not peer[1]:
            return failure(request, 400)
        code = self._objection(allocation, peer) or self._bind(allocation, number, peer, request.now)
        return failure(request, code) if code else success(request)

    def _objection(self, allocation: Allocation, peer: Address) -> int:
        if allocation.relay_for(peer[0]) is None:
            return 443
        return 403 if self._parts.route(allocation.transport, peer) is None else 0

    def _bind(self, allocation: Allocation, number: int, peer: Address, now: float) -> int:
        """RFC 8656 §12.2: neither number nor peer may belong to another binding, nor have done so lately."""
        channel = allocation.channels.get(number)
        other = allocation.by_peer.get(peer)
        for each in (channel, other):
            if each is not None and each.expires + CHANNEL_REST <= now:
                self._parts.table.forget(allocation, each)
        channel = allocation.channels.get(number)
        if channel is not allocation.by_peer.get(peer):
            return 400
        if channel is None and len(allocation.channels) >= self._parts.config.max_channels:
            return 508
        if not self._permit(allocation, [peer[0]], now):
            return 508
        if channel is None:
            channel = self._new_channel(allocation, number, peer)
        channel.expires = now + CHANNEL_LIFETIME
        self._parts.table.start_flow(allocation, channel, now)
        self._parts.table.arm(allocation, now)
        return 0

    def _new_channel(self, allocation: Allocation, number: int, peer: Address) -> Channel:
        route, relay = self._parts.route("udp", peer), allocation.relay_for(peer[0])
        assert route is not None and relay is not None  # _objection looked
        channel = Channel(number, peer, route[0], route[1], relay)
        allocation.channels[number] = allocation.by_peer[peer] = channel
        return channel

    def _permit(self, allocation: Allocation, hosts: list[str], now: float) -> bool:
        permissions = allocation.permissions
        fresh = len(set(hosts) - permissions.keys())
        if fresh and len(permissions) + fresh > self._parts.config.max_permissions:
            return False
        lapsed = False
        for host in hosts:
            lapsed = lapsed or permissions.get(host, 0.0) <= now
            permissions[host] = now + PERMISSION_LIFETIME
        if lapsed:
            for channel in allocation.channels.values():
                self._parts.table.start_flow(allocation, channel, now)
            self._parts.table.arm(allocation, now)
        return True

    def _end(self, allocation: Allocation, family: int | None, now: float) -> None:
        """With a family only its relay goes, when there is another (RFC 8656 §8.2)."""
        if family is not None and len(allocation.relays) > 1:
            self._parts.table.drop_relay(allocation, allocation.relays[family], now)
        else:
            self._parts.table.remove(allocation, "refresh", now)
