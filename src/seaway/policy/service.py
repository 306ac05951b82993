"""A policy service: what is asked of it in one form, and what stands when it does not answer.

It is asked over HTTPS with a form and answers with a script (RFC 3880), as the policy services that are made for video
call control expect it. Pure; `runtime/policy_service.py` does the asking.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seaway.policy.cpl.facts import CallFacts

__all__ = ["ServiceSettings", "form_of"]


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Where the service is and how it is asked. `default` decides on a call when it does not answer in `timeout`
    seconds, refuses to, or answers with something that is no script."""

    url: str  # https://host[:port]/path
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 3.0
    default: Literal["allow", "reject"] = "reject"
    status: int = 504  # of the call when `default` rejects it
    when: Literal["every-call", "search-rule"] = "every-call"  # "search-rule": when one of these leads to it


def form_of(facts: CallFacts, *, method: str, call: str, address: str, port: int, transport: str) -> dict[str, str]:
    """The fields of the form, in the names that policy services know. `call` is a number of our own for the call,
    `address` and `port` where the request came from."""
    claimed = facts.origin.uri.removeprefix("sip:")
    known = bool(facts.caller)
    return {
        "ALIAS": facts.destination.uri,
        "AUTHENTICATED": "TRUE" if known else "FALSE",
        "AUTHENTICATED_SOURCE_ALIAS": claimed if known else "",
        "AUTHENTICATION_USER_NAME": facts.caller,
        "DESTINATION_ALIAS": facts.destination.uri.removeprefix("sip:"),
        "LOCAL_CALL_SERIAL_NUMBER": call,
        "METHOD": method,
        "NETWORK_TYPE": "IPV6" if ":" in address else "IPV4",
        "POLICY_TYPE": "SEARCH",
        "PROTOCOL": "SIP",
        "SOURCE_ADDRESS": f"[{address}]:{port}" if ":" in address else f"{address}:{port}",
        "SOURCE_IP": address,
        "SOURCE_PORT": str(port),
        "TRANSPORT": transport.upper(),
        "UNAUTHENTICATED_SOURCE_ALIAS": "" if known else claimed,
        "UTCTIME": str(round(facts.when)),
        "ZONE_NAME": facts.zone,
    }
