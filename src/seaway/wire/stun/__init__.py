"""STUN (RFC 8489): header, attributes, integrity. No transactions and no sockets here."""
