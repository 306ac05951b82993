"""A glance at a request that is not worth parsing yet: what overload control has to know, and the 503 made of it.

The header fields are searched for in their usual spellings, no value is taken apart that is not needed: a glance costs
some microseconds. What is written in another way gives `None`, not an error: the caller treats it as the least
important. Nothing is checked here; who passes is parsed and judged as ever.
"""

from __future__ import annotations

from functools import lru_cache

from seaway.wire.errors import WireError
from seaway.wire.sip.via import parse_via

__all__ = ["BUSY_TAG", "Glance", "glance"]

BUSY_TAG = b";tag=busy."
"""How the To tag of a 503 from here begins. Its ACK can be told from all others and needs no look at anything."""

_MOST_VIAS = 70
_BRANCH = b"branch=z9hG4bK"


class Glance:
    """`key` is the transaction's, as `topvia.read_top_via` makes it; `b""` without the magic cookie (RFC 2543).

    `in_dialog`: To has a tag. `token`: the user part of the first Route, perhaps one of our route tokens.
    """

    __slots__ = ("_data", "_from", "_number", "_rport", "_sent_by", "_to", "_vias", "call_id", "in_dialog", "key")

    def __init__(
        self, data: bytes, vias: list[bytes], sender: bytes, to: bytes, call_id: bytes, number: bytes,
        key: bytes, rport: bool, sent_by: tuple[bytes, int, str],
    ) -> None:  # fmt: skip
        self._data = data
        self._vias, self._from, self._to, self._number = vias, sender, to, number
        self._rport, self._sent_by = rport, sent_by
        self.call_id = call_id
        self.key = key
        # A tag inside the brackets is a parameter of the URI.
        self.in_dialog = b"tag" in to.lower() and b";tag=" in to[to.rfind(b">") + 1 :].replace(b" ", b"").lower()

    @property
    def uri(self) -> bytes:
        return self._data.split(b" ", 2)[1]

    @property
    def method(self) -> bytes:
        return self._data.partition(b" ")[0]

    @property
    def credentials(self) -> bool:
        """Whether some are given; nobody has looked at them."""
        return _line(self._data, b"\r\nAuthorization:", b"\r\nProxy-Authorization:") is not None

    @property
    def token(self) -> bytes:
        route = _line(self._data, b"\r\nRoute:", b"\r\nroute:")
        token, at, _ = (route or b"").partition(b"sip:")[2].partition(b"@")
        return token if at else b""

    @property
    def port(self) -> int | None:
        """At the source address, to which a response goes over UDP; `None` is the source port (RFC 3581 §4)."""
        return None if self._rport else self._sent_by[1]

    def busy(self, tag: bytes, retry_after: int, source: tuple[str, int]) -> bytes:
        """The octets of a 503 (RFC 3261 §21.5.4). `tag` makes the To tag unique, `source` is where the request came
        from; `retry_after` in seconds."""
        vias = self._vias
        if self._rport:
            stamped = b";rport=%d;received=%b" % (source[1], source[0].encode())
            vias[0] = vias[0].replace(b";rport", stamped, 1)
        elif self._sent_by[2] != source[0] and b"," not in vias[0]:
            vias[0] += b";received=" + source[0].encode()  # RFC 3261 §18.2.1
        return b"".join(
            (
                b"SIP/2.0 503 Service Unavailable", *vias, self._from, self._to,
                b"" if self.in_dialog else BUSY_TAG + tag, b"\r\nCall-ID: ", self.call_id, self._number,
                b"\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n" % retry_after,
            )
        )  # fmt: skip


def glance(data: bytes) -> Glance | None:
    """Look at a request; `None` when it is not plainly written."""
    end = data.find(b"\r\n\r\n")
    if end < 0 or data.find(b"\r\n ", 0, end) >= 0 or data.find(b"\r\n\t", 0, end) >= 0:  # folded
        return None
    head = data[: end + 2]
    if not head.partition(b"\r\n")[0].endswith(b" SIP/2.0") or head.find(b" ") == head.find(b" SIP/2.0"):
        return None
    sender = _line(head, b"\r\nFrom:", b"\r\nf:")
    to = _line(head, b"\r\nTo:", b"\r\nt:")
    call_id = _line(head, b"\r\nCall-ID:", b"\r\ni:")
    number = _line(head, b"\r\nCSeq:", b"\r\ncseq:")
    vias = _vias(head, b"\r\nVia:") or _vias(head, b"\r\nv:")
    if sender is None or to is None or call_id is None or number is None or not vias:
        return None
    # The top Via: who sent it, and the branch.
    via, _, params = vias[0].partition(b":")[2].partition(b",")[0].strip(b" \t").partition(b";")
    if b" " in params or b'"' in params or b"\t" in params:
        return None
    sent_by = _sent_by(via)
    if sent_by is None:
        return None
    key, rport = b"", False
    for param in params.split(b";"):
        if param.startswith(_BRANCH):
            key = key or param[7:] + b" " + sent_by[0] if len(param) > 14 else b""
        elif param == b"rport":
            rport = True
    return Glance(head, vias, sender, to, call_id.partition(b":")[2].strip(b" \t"), number, key, rport, sent_by)


def _line(head: bytes, usual: bytes, other: bytes) -> bytes | None:
    """The first header line in one of two spellings, with the CRLF before it."""
    begin = head.find(usual)
    if begin < 0:
        begin = head.find(other)
        if begin < 0:
            return None
    return head[begin : head.find(b"\r\n", begin + 2)]


def _vias(head: bytes, name: bytes) -> list[bytes]:
    """All Via lines in one spelling, each with the CRLF before it."""
    found: list[bytes] = []
    begin = head.find(name)
    while begin >= 0 and len(found) < _MOST_VIAS:
        end = head.find(b"\r\n", begin + 2)
        found.append(head[begin:end])
        begin = head.find(name, end)
    return found


@lru_cache(maxsize=10_000)
def _sent_by(head: bytes) -> tuple[bytes, int, str] | None:
    """sent-by, its port and its host for `SIP/2.0/UDP host:port`: a peer writes the same each time."""
    try:
        via = parse_via(head)
    except WireError:
        return None
    return via.sent_by, via.port or 5060, via.address
