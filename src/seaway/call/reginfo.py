"""The state of registrations as XML: application/reginfo+xml (RFC 3680 §5), with GRUUs (RFC 5628)."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from seaway.core.sip.binding import Binding
from seaway.core.sip.gruu import Gruus, aor_uri

__all__ = ["CONTENT_TYPE", "News", "reginfo"]

CONTENT_TYPE = b"application/reginfo+xml"

News = tuple[Binding, str]
"""A binding and what happened to it, in the words of RFC 3680 §5.2: created, registered, refreshed, shortened, expired,
deactivated, unregistered."""

_GONE = frozenset(("expired", "deactivated", "unregistered", "rejected", "probation"))


def reginfo(
    aor: bytes, number: int, version: int, contacts: Iterable[News], active: bool, gruus: Gruus, now: float, *,
    full: bool,
) -> bytes:  # fmt: skip
    """One document. `number` names the registration, `active` says whether the user has bindings."""
    state = "active" if active else "terminated"
    lines = [
        '<?xml version="1.0"?>',
        '<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"'
        f' version="{version}" state="{"full" if full else "partial"}">',
        f'<registration aor={_quoted(aor_uri(aor))} id="r{number}" state="{state}">',
        *(_contact(binding, event, gruus, now) for binding, event in contacts),
        "</registration>",
        "</reginfo>",
        "",
    ]
    return "\n".join(lines).encode()


def _contact(binding: Binding, event: str, gruus: Gruus, now: float) -> str:
    facts = {
        "id": f"c{binding.number}",
        "state": "terminated" if event in _GONE else "active",
        "event": event,
        "duration-registered": str(max(0, round(now - binding.since))),
        "q": f"{binding.q / 1000:g}",
        "callid": _text(binding.call_id),
        "cseq": str(binding.cseq),
    }
    if event not in _GONE:
        facts["expires"] = str(max(1, round(binding.expires - now)))
    inner = f"<uri>{escape(_text(binding.uri))}</uri>"
    if binding.instance is not None:
        instance = f'"<{_text(binding.instance)}>"'
        inner += f'<unknown-param name="+sip.instance">{escape(instance)}</unknown-param>'
        if binding.reg_id:
            inner += f'<unknown-param name="reg-id">{binding.reg_id}</unknown-param>'
        if binding.index is not None and event not in _GONE:
            public, temporary = gruus.public(binding.aor, binding.instance), gruus.temporary(binding.aor, binding.index)
            inner += f"<gr:pub-gruu uri={_quoted(public)}/>"
            inner += f'<gr:temp-gruu uri={_quoted(temporary)} first-cseq="{binding.cseq}"/>'
    return f"<contact {' '.join(f'{name}={quoteattr(value)}' for name, value in facts.items())}>{inner}</contact>"


def _text(octets: bytes) -> str:
    """Characters that XML allows (W3C XML 1.0 §2.2), whatever the octets are."""
    text = octets.decode("utf-8", "replace")
    return "".join(each if each >= " " and each not in "\x7f\ufffe\uffff" else "\ufffd" for each in text)


def _quoted(octets: bytes) -> str:
    return quoteattr(_text(octets))
