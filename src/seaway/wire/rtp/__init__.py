"""RTP and RTCP (RFC 3550): headers, length checks, and telling packets on one port apart."""
