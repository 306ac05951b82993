"""The Call Processing Language (RFC 3880): scripts that decide on calls."""
