"""Methods and message types of STUN and TURN (RFC 8489 §18.1, RFC 8656 §17, RFC 6062 §6.1).

A message type is the first two octets: method and class bits interleaved (RFC 8489 §5). For methods below 0x010 the
type of a request is the method itself; a success adds 0x0100, an error 0x0110, an indication 0x0010.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ERROR", "INDICATION", "SUCCESS", "Method"]

INDICATION = 0x0010
SUCCESS = 0x0100
ERROR = 0x0110


class Method(IntEnum):
    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009
    CONNECT = 0x00A
    CONNECTION_BIND = 0x00B
    CONNECTION_ATTEMPT = 0x00C
