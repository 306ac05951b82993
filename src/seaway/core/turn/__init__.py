"""TURN server (RFC 8656, RFC 6062) on STUN long-term credentials (RFC 8489): pure, no sockets, clock or randomness."""
