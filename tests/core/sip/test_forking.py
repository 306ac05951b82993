"""Max-Breadth, hop limits, merged challenges: the parts of forking that need no proxy."""

from __future__ import annotations

import pytest

from seaway.core.sip.forking import BREADTH, lines_onward, max_breadth, merge_challenges
from seaway.wire.sip.errors import SipError

from ...support.messages import as_request, as_response, header, request, response


def test_breadth_of_a_request() -> None:
    assert max_breadth(as_request(request())) == BREADTH == 60
    assert max_breadth(as_request(request(headers=["Max-Breadth: 7"]))) == 7
    for bad in ("-1", "x", "", "4294967296", "1_0"):
        with pytest.raises(SipError):
            max_breadth(as_request(request(headers=[f"Max-Breadth: {bad}"])))


def test_lines_onward_change_a_copy() -> None:
    message = as_request(request(headers=["Max-Breadth: 7"]))
    before = list(message.lines)
    lines = lines_onward(message, 5, 3)
    assert b"Max-Forwards: 5" in lines and b"Max-Breadth: 3" in lines and len(lines) == len(before)
    assert message.lines == before == lines_onward(message, None, None)
    assert lines_onward(as_request(request()), None, 60)[-1] == b"Max-Breadth: 60"


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
