"""Networks no peer is in by default: the IANA special-purpose registries (RFC 6890 and its updates), multicast, and the
addresses at which clouds tell a machine its secrets.

Prefixes that only wrap an IPv4 address (64:ff9b::/96, 2002::/16) are not here: `fold.py` looks inside.
"""

from __future__ import annotations

from ipaddress import ip_network

__all__ = ["SPECIAL"]

_V4 = (
    "0.0.0.0/8",  # this network, unspecified
    "10.0.0.0/8",
    "100.64.0.0/10",  # shared address space; 100.100.100.200 is a metadata service
    "127.0.0.0/8",
    "169.254.0.0/16",  # link local, most metadata services
    "172.16.0.0/12",
    "192.0.0.0/24",  # 192.0.0.192 is a metadata service
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, limited broadcast
    "168.63.129.16/32",  # a metadata service with an ordinary address
)
_V6 = (
    "::/96",  # unspecified, loopback, IPv4-compatible
    "::ffff:0:0/96",  # IPv4-mapped: IPv4 peers are asked for as IPv4
    "::ffff:0:0:0/96",  # SIIT
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",  # Teredo included
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",  # fd00:ec2::254 is a metadata service
    "fe80::/10",
    "fec0::/10",  # site local, deprecated
    "ff00::/8",  # multicast
)
SPECIAL = tuple(ip_network(text) for text in (*_V4, *_V6))
