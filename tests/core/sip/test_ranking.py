from __future__ import annotations

from seaway.core.sip.context import Branch, Target
from seaway.core.sip.ranking import rank
from seaway.wire.sip.message import Response

from ...support.messages import flow


def of(status: int) -> tuple[int, int]:
    branch = Branch(None, Target(b"sip:x", flow()), None)  # type: ignore[arg-type]
    branch.final = Response(status, b"", [], [], b"")
    return rank(branch)


def test_order() -> None:
    """RFC 3261 §16.7 step 6: 6xx, then the lowest class, in 4xx what can be acted upon; who was found before who was
    not."""
    ordered = [600, 603, 302, 401, 400, 486, 488, 480, 404, 500, 503]
    assert sorted(ordered, key=of) == ordered
    assert of(401) == of(407) == of(415) == of(420) == of(484)
    assert of(404) == of(408) == of(403) == of(410)
