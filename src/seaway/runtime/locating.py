"""What only the DNS can tell when a search is explained: hops of a domain (RFC 3263), URIs of a number (RFC 6116)."""

from __future__ import annotations

import asyncio
import secrets

from seaway.call.explaining import Explained
from seaway.core.dns.e164 import EnumSearch
from seaway.core.sip.io import Place
from seaway.core.sip.locating import Locating
from seaway.runtime.resolver import Resolver
from seaway.wire.endpoint import shown

__all__ = ["complete"]

_PATIENCE = 4.0  # seconds for all questions together


async def complete(explained: Explained, resolver: Resolver) -> list[dict[str, object]]:
    """The rows, with what the name servers say."""
    try:
        async with asyncio.timeout(_PATIENCE):
            for row, place in explained.places:
                row["hops"] = await _hops(place, resolver)
            for row, digits, suffix in explained.numbers:
                row["uris"] = await _uris(digits, suffix, resolver)
    except TimeoutError:
        explained.rows.append({"what": "dns", "why": f"no answer within {_PATIENCE:g} s"})
    return explained.rows


async def _hops(place: Place, resolver: Resolver) -> list[str]:
    search = Locating(place, secrets.token_bytes)
    questions = search.begin()
    while search.hops is None and questions:
        answers = [(each, await resolver.lookup(*each)) for each in questions]
        questions = [following for each, answer in answers for following in search.answered(each, answer)]
    if not search.hops:
        return [search.why]
    return [f"{shown((hop.host, hop.port))}/{hop.transport}" for hop in search.hops]


async def _uris(digits: str, suffix: str, resolver: Resolver) -> list[str]:
    search = EnumSearch(digits, suffix)
    while search.question is not None:
        search.answered(await resolver.lookup(search.question, "NAPTR"))
    return list(search.uris) or [search.why]
