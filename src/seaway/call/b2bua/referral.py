"""The subscription that a REFER makes (RFC 3515 §2.4.4): 202, NOTIFYs with the status line, and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seaway.call.b2bua.ask import Ask
from seaway.call.b2bua.headers import hide_place
from seaway.call.b2bua.inviting import near
from seaway.call.b2bua.replaces import Replaces, parse_replaces
from seaway.call.b2bua.stack import ALLOW
from seaway.core.sip.context import Context, Target
from seaway.core.sip.dialog import cseq_number
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.lexer import unescape
from seaway.wire.sip.message import Request
from seaway.wire.sip.nameaddr import NameAddr
from seaway.wire.sip.status import reason_phrase
from seaway.wire.sip.uri import SipUri

if TYPE_CHECKING:
    from seaway.call.b2bua.leg import Leg

__all__ = ["Invitation", "Referral", "invitation"]

_LIFETIME = 180  # seconds of the subscription
_SIPFRAG = ((b"Content-Type", b"message/sipfrag;version=2.0"),)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What Refer-To asks for."""

    uri: bytes
    replaces: Replaces | None


def invitation(target: NameAddr) -> Invitation:
    """Read a Refer-To value: only INVITE of a SIP URI is done, of its headers only Replaces. Raises `SipError`."""
    uri = target.parsed_uri()
    if not isinstance(uri, SipUri):
        raise SipError("Refer-To is no SIP URI", status=416, section="RFC 3515 §2.1")
    method = uri.params.get(b"method")
    if method is not None and method.upper() != b"INVITE":
        raise SipError("Refer-To asks for another method than INVITE", status=403, section="RFC 3515 §2.1")
    found = [value for name, value in uri.header_items() if name.lower() == b"replaces"]
    replaces = parse_replaces(unescape(found[0])) if found else None
    return Invitation(replace(uri, headers=None, params=uri.params.without(b"method")).serialise(), replaces)


class Referral:
    """Of one REFER on `leg`."""

    def __init__(self, leg: Leg, request: Request) -> None:
        self._leg = leg
        self._number = cseq_number(request)
        self._quiet = (request.get(b"refer-sub") or b"").strip().lower() == b"false"
        self._referrer = leg.dialog.remote
        self._last = 0
        self._over = False

    def accept(self, context: Context, now: float) -> None:
        """202; without a subscription when none is wanted (RFC 4488 §4)."""
        headers = self._leg.contact_headers()
        if self._quiet:
            headers = (*headers, (b"Refer-Sub", b"false"))
        self._leg.stack.respond(context, 202, now, headers=headers)

    def notify(self, status: int, now: float, done: Callable[[float], None] | None = None) -> None:
        """Tell how it stands; a final status ends the subscription. `done` is called when that has arrived."""
        if self._over or (status < 200 and status == self._last):
            return
        self._last, self._over = status, status >= 200
        if self._quiet or not self._leg.confirmed:
            if done is not None:
                done(now)
            return
        state = b"terminated;reason=noresource" if status >= 200 else b"active;expires=%d" % _LIFETIME
        headers = (
            *self._leg.contact_headers(),
            (b"Event", b"refer;id=%d" % self._number),
            (b"Subscription-State", state),
        )
        body = b"SIP/2.0 %d %b\r\n" % (status, reason_phrase(status).encode())
        ask = Ask(lambda code, response, when: done(when) if done is not None else None)
        if self._leg.send(b"NOTIFY", headers, body, _SIPFRAG, ask, now) is False and done is not None:
            done(now)

    def invite(
        self, stays: Leg, target: Target, alias: bytes, call_id: bytes, headers: tuple[tuple[bytes, bytes], ...]
    ) -> Request:
        """The INVITE to the new party, without Via and without an offer, in the name of the party that stays."""
        stack = stays.stack
        fields = [
            (b"Max-Forwards", b"70"),
            (b"From", hide_place(stays.dialog.remote, stack.domain) + b";tag=" + stack.tag()),
            (b"To", b"<sip:" + alias + b">"),
            (b"Call-ID", call_id),
            (b"CSeq", b"1 INVITE"),
            (b"Contact", stack.contact(near(target))),
            (b"Allow", ALLOW),
            (b"Supported", b"timer, replaces"),
            (b"Referred-By", hide_place(self._referrer, stack.domain)),
            *headers,
        ]
        names = [name.lower() for name, _ in fields]
        return Request(b"INVITE", target.uri, names, [name + b": " + value for name, value in fields], b"")
