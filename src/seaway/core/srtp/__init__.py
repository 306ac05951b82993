"""SRTP and SRTCP (RFC 3711): keys, transforms, and the state of each direction. No sockets, no signalling."""
