"""Allocate (RFC 8656 §7.2): the checks in the order of the standard, then the relay ports."""

from __future__ import annotations

from seaway.core.turn.allocation import Allocation, Relay
from seaway.core.turn.io import AllocationCreated, AllocationRefused, Family, RelayTransport
from seaway.core.turn.login import Login
from seaway.core.turn.parts import Parts
from seaway.core.turn.request import Request, encoded, failure, mapped, success
from seaway.wire.endpoint import source_of
from seaway.wire.stun.address import alternate_server, xor_relayed_address
from seaway.wire.stun.address_family import address_error_code, decode_address_family
from seaway.wire.stun.allocation import (
    TCP,
    UDP,
    decode_even_port,
    decode_requested_transport,
    decode_reservation_token,
    reservation_token,
)
from seaway.wire.stun.attribute import AttributeType
from seaway.wire.stun.error_code import unknown_attributes
from seaway.wire.stun.errors import StunError
from seaway.wire.stun.lifetime import decode_lifetime, lifetime
from seaway.wire.stun.text import software

__all__ = ["Allocate", "granted"]

_FAMILY = AttributeType.REQUESTED_ADDRESS_FAMILY.value
_ADDITIONAL = AttributeType.ADDITIONAL_ADDRESS_FAMILY.value
_EVEN = AttributeType.EVEN_PORT.value
_TOKEN = AttributeType.RESERVATION_TOKEN.value
_TRANSPORT = AttributeType.REQUESTED_TRANSPORT.value
_DONT_FRAGMENT = AttributeType.DONT_FRAGMENT.value
_LIFETIME = AttributeType.LIFETIME.value


class _Wish:
    """What a request asks for, checked for itself."""

    __slots__ = ("even", "families", "reserve", "token", "transport")

    def __init__(self) -> None:
        self.transport: RelayTransport = "udp"
        self.families: tuple[Family, ...] = (4,)
        self.even = False
        self.reserve = False
        self.token = b""


class _Refused(Exception):
    def __init__(self, code: int, body: bytes = b"") -> None:
        self.code = code
        self.body = body


class Allocate:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._software = encoded(software(parts.config.software)) if parts.config.software else b""

    def answer(self, request: Request, login: Login) -> bytes:
        existing = request.allocation
        if existing is not None:  # step 2, and RFC 8489 §6.3.1 for retransmissions
            same = existing.transaction_id == request.message.transaction_id and existing.login.user == login.user
            return existing.answer if same else self._refuse(request, login, 437)
        try:
            return self._allocate(request, login)
        except _Refused as refused:
            return self._refuse(request, login, refused.code, refused.body)
        except StunError:
            return self._refuse(request, login, 400)

    def _allocate(self, request: Request, login: Login) -> bytes:
        wish = self._wish(request)
        source = source_of(request.client.remote[0])
        seconds = granted(self._parts, login, request, request.message.values.get(_LIFETIME))
        if seconds <= 0:
            raise _Refused(401)
        self._admit(request, login, source, wish)
        allocation = Allocation(request.client, login, wish.transport, source)
        extra = self._open(allocation, wish, login, request.now)
        allocation.lifetime = seconds
        allocation.expires = request.now + seconds
        allocation.transaction_id = transaction_id = request.message.transaction_id
        relayed = [xor_relayed_address(relay.public, transaction_id) for relay in allocation.relays.values()]
        body = encoded(*relayed, lifetime(seconds)) + extra + mapped(request.client, transaction_id)
        allocation.answer = success(request, body + self._software)
        self._parts.table.add(allocation, request.now)
        self._parts.outputs.append(
            AllocationCreated(request.client, login.user, allocation.relayed, wish.transport, seconds)
        )
        return allocation.answer

    def _wish(self, request: Request) -> _Wish:
        """Steps 3 to 7 of RFC 8656 §7.2, and RFC 6062 §5.1."""
        values, config, wish = request.message.values, self._parts.config, _Wish()
        transport = values.get(_TRANSPORT)
        if transport is None:
            raise _Refused(400)
        protocol = decode_requested_transport(transport)
        if protocol == TCP and config.tcp_relay:
            if request.client.transport == "udp" or values.keys() & {_EVEN, _TOKEN, _DONT_FRAGMENT}:
                raise _Refused(400)
            wish.transport = "tcp"
        elif protocol != UDP:
            raise _Refused(442)
        if _DONT_FRAGMENT in values:  # the DF bit cannot be set for one datagram alone, so the attribute is unknown
            raise _Refused(420, encoded(unknown_attributes((_DONT_FRAGMENT,))))
        self._families(values, wish)
        if _EVEN in values:
            wish.even, wish.reserve = True, decode_even_port(values[_EVEN])
        if _TOKEN in values:
            if values.keys() & {_EVEN, _FAMILY, _ADDITIONAL}:
                raise _Refused(400)
            wish.token = decode_reservation_token(values[_TOKEN])
        if wish.reserve and _ADDITIONAL in values:
            raise _Refused(400)
        return wish

    def _families(self, values: dict[int, bytes], wish: _Wish) -> None:
        supported = self._parts.config.families
        if _ADDITIONAL in values:
            if _FAMILY in values or decode_address_family(values[_ADDITIONAL]) != 6:
                raise _Refused(400)
            wish.families = (4, 6)
            if not supported:
                raise _Refused(440)
            return
        if _FAMILY in values:
            family = decode_address_family(values[_FAMILY])
            if family is None:
                raise _Refused(440)
            wish.families = (family,)
        if wish.families[0] not in supported and _TOKEN not in values:
            raise _Refused(440)

    def _admit(self, request: Request, login: Login, source: str, wish: _Wish) -> None:
        """Shares, then room in the whole; a full server names a better one (RFC 8656 §7.2, 300)."""
        code = self._parts.table.refusal(login.owner, source)
        if code == 486:
            raise _Refused(486)
        if code or self._parts.redirect:
            self._try_alternate(request)
        if code:
            raise _Refused(508)

    def _try_alternate(self, request: Request) -> None:
        family: Family = 6 if ":" in request.client.local[0] else 4
        alternate = self._parts.alternate(family)
        if alternate is not None:
            raise _Refused(300, encoded(alternate_server(alternate)))

    def _open(self, allocation: Allocation, wish: _Wish, login: Login, now: float) -> bytes:
        """Opens what is wished for; gives the attributes that tell about it besides the relayed addresses."""
        relays = self._parts.relays
        if wish.token:
            relay = relays.redeem(wish.token, login.user, now)
            if relay is None:
                raise _Refused(508)
            allocation.relays[relay.family] = relay
            return b""
        if wish.even and len(wish.families) == 1:
            got = relays.open_even(wish.families[0], now, login=login, reserve_next=wish.reserve)
            if got is None:
                raise _Refused(508)
            allocation.relays[got[0].family] = got[0]
            return encoded(reservation_token(got[1])) if got[1] else b""
        missing = self._open_each(allocation, wish, login, now)
        if not allocation.relays:
            raise _Refused(440 if all(code == 440 for _, code in missing) else 508)
        return encoded(*(address_error_code(family, code, _PHRASES[code]) for family, code in missing))

    def _open_each(self, allocation: Allocation, wish: _Wish, login: Login, now: float) -> list[tuple[Family, int]]:
        """Families for which there is no relay, and why (RFC 8656 §7.2 on ADDITIONAL-ADDRESS-FAMILY)."""
        missing: list[tuple[Family, int]] = []
        for family in wish.families:
            if family not in self._parts.config.families:
                missing.append((family, 440))
                continue
            relay = self._open_one(family, wish, login, now)
            if relay is None:
                missing.append((family, 508))
            else:
                allocation.relays[family] = relay
        return missing

    def _open_one(self, family: Family, wish: _Wish, login: Login, now: float) -> Relay | None:
        if not wish.even:
            return self._parts.relays.open(family, wish.transport, now)
        got = self._parts.relays.open_even(family, now, login=login, reserve_next=False)
        return None if got is None else got[0]

    def _refuse(self, request: Request, login: Login, code: int, body: bytes = b"") -> bytes:
        self._parts.outputs.append(AllocationRefused(request.client, login.user, code))
        return failure(request, code, body)


_PHRASES = {440: "Address Family not Supported", 508: "Insufficient Capacity"}


def granted(parts: Parts, login: Login, request: Request, wanted: bytes | None) -> int:
    """Seconds of lifetime: between the default and the longest one (RFC 8656 §7.2 step 10), and for a time-limited
    credential no longer than one lifetime past its end (R11). Raises `StunError`."""
    config = parts.config
    seconds = config.default_lifetime if wanted is None else decode_lifetime(wanted)
    seconds = max(config.default_lifetime, min(seconds, config.max_lifetime))
    if login.ends is not None:
        seconds = min(seconds, round(login.ends + config.default_lifetime - request.wall))
    return seconds
