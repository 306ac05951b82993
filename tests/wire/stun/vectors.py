"""Test vectors of RFC 5769, octet for octet; the section stands beside each.

The vector of RFC 8489 §B.1 is not here: as printed its integrity does not fit its length (erratum 6268).
"""

from __future__ import annotations


def _octets(text: str) -> bytes:
    return bytes.fromhex("".join(text.split()))


PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"

# RFC 5769 §2.1: sample request. The padding of USERNAME is three spaces there.
REQUEST = _octets("""
    00010058 2112a442 b7e7a701 bc34d686 fa87dfae
    80220010 5354554e 20746573 7420636c 69656e74
    00240004 6e0001ff
    80290008 932ff9b1 51263b36
    00060009 6576746a 3a683676 59202020
    00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
    80280004 e57a3bcf
""")

# RFC 5769 §2.2: sample IPv4 response, 192.0.2.1 port 32853.
RESPONSE_IPV4 = _octets("""
    0101003c 2112a442 b7e7a701 bc34d686 fa87dfae
    8022000b 74657374 20766563 746f7220
    00200008 0001a147 e112a643
    00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
    80280004 c07d4c96
""")

# RFC 5769 §2.3: sample IPv6 response, 2001:db8:1234:5678:11:2233:4455:6677 port 32853.
RESPONSE_IPV6 = _octets("""
    01010048 2112a442 b7e7a701 bc34d686 fa87dfae
    8022000b 74657374 20766563 746f7220
    00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
    00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
    80280004 c8fb0b4c
""")

# RFC 5769 §2.4: request with long-term authentication, key MD5(user:realm:password).
LONG_TERM = _octets("""
    00010060 2112a442 78ad3433 c6ad72c0 29da412e
    00060012 e3839ee3 8388e383 aae38383 e382afe3 82b90000
    0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
    0014000b 6578616d 706c652e 6f726700
    00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666
""")
LONG_TERM_USER = "マトリックス"  # the user name of §2.4, U+30DE U+30C8 U+30EA U+30C3 U+30AF U+30B9
