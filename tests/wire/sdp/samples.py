"""Session descriptions of the tests: RFC examples with their section, and what phones do to them."""

from __future__ import annotations

# RFC 8866 §5 example
RFC8866 = (
    b"v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call to John Smith\r\ni=SDP Offer #1\r\n"
    b"u=http://www.jdoe.example.com/home.html\r\ne=Jane Doe <jane@jdoe.example.com>\r\np=+1 617 555-6011\r\n"
    b"c=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\nm=audio 49180 RTP/AVP 0\r\n"
    b"m=video 51372 RTP/AVP 99\r\nc=IN IP6 2001:db8::2\r\na=rtpmap:99 h263-1998/90000\r\n"
)

# RFC 3605 §2.1 with an odd mix of line ends, unknown lines, a count of ports and no end of the last line
MIXED = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\ns= \r\nc=IN IP4 10.0.0.1/127\nt=0 0\r\nk=clear:x\nq=unknown thing\r\n"
    b"a=sendonly\r\nm=audio 4000/2 RTP/AVP 0 8 101 \r\ni=x\na=rtpmap:0 PCMU/8000\r\na=rtcp:53020 IN IP4 126.16.64.4\r\n"
    b"a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\na=x-unknown:\xff\xfe\r\nm=application 0 UDP/BFCP *"
)
