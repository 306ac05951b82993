"""Max-Breadth, hop limits, merged challenges: the parts of forking that need no proxy."""

from __future__ import annotations

import pytest

from seaway.core.sip.forking import BREADTH, limit, max_breadth, merge_challenges
from seaway.wire.sip.errors import SipError

from ...support.messages import as_request, as_response, header, request, response


def test_breadth_of_a_request() -> None:
    assert max_breadth(as_request(request())) == BREADTH == 60
    assert max_breadth(as_request(request(headers=["Max-Breadth: 7"]))) == 7
    for bad in ("-1", "x", "", "4294967296", "1_0"):
        with pytest.raises(SipError):
            max_breadth(as_request(request(headers=[f"Max-Breadth: {bad}"])))


def test_limits_are_written_into_a_copy_of_the_lines() -> None:
    message = as_request(request(headers=["Max-Breadth: 7"]))
    lines = [b"first", *message.lines]
    limit(lines, 1, message.names, 5, 3)
    assert b"Max-Forwards: 5" in lines and b"Max-Breadth: 3" in lines and len(lines) == len(message.lines) + 1
    assert lines[0] == b"first" and b"Max-Breadth: 7" in message.lines
    lines = [*message.lines]
    limit(lines, 0, message.names, 69, None)
    assert b"Max-Forwards: 69" in lines and b"Max-Breadth: 7" in lines
    message = as_request(request(max_forwards=None))
    lines = [*message.lines]
    limit(lines, 0, message.names, 70, 60)
    assert lines[-2:] == [b"Max-Forwards: 70", b"Max-Breadth: 60"]


def test_challenges_of_all_branches_are_merged() -> None:
    """RFC 3261 §16.7 step 7, each once."""
    data = request()
    first = as_response(response(data, 407, headers=('Proxy-Authenticate: Digest realm="a"',)))
    second = as_response(
        response(data, 401, headers=('WWW-Authenticate: Digest realm="b"', 'WWW-Authenticate: Digest realm="c"'))
    )
    third = as_response(response(data, 404, headers=('WWW-Authenticate: Digest realm="no"',)))
    merge_challenges(first, [first, second, third, second])
    assert header(first.serialise(), "proxy-authenticate") == ['Digest realm="a"']
    assert header(first.serialise(), "www-authenticate") == ['Digest realm="b"', 'Digest realm="c"']
    other = as_response(response(data, 404))
    merge_challenges(other, [second])
    assert header(other.serialise(), "www-authenticate") == []


def test_r28_challenges_are_bounded() -> None:
    data = request()
    many = [as_response(response(data, 401, headers=(f"WWW-Authenticate: x{n}",))) for n in range(100)]
    merge_challenges(many[0], many)
    assert len(header(many[0].serialise(), "www-authenticate")) == 20
