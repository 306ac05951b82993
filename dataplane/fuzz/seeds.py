"""python seeds.py DIR: first inputs for the fuzzer, so that it need not guess what an SRTP context, its flow and an
authentic packet are. The octets are those that packets.c takes."""

from __future__ import annotations

import sys
from pathlib import Path

RTP = bytes.fromhex("8000 0001 000000a0 00000007") + b"voice, voice"
RTCP = bytes.fromhex("80c9 0001 00000007")
_ADD_FLOW, _CIPHER, _READ = 0, 0x83, 4
_SUITES = range(1, 7)


def _context(number: int, suite: int, *, mki: bool) -> bytes:
    return bytes((_CIPHER, number | suite << 2 | (0x80 if mki else 0)))


def _flow(receive: int, send: int, *, verify: bool = False) -> bytes:
    """From remote 0 of port 0 to remote 0 of port 1; contexts by id, 0: none."""
    return bytes((_ADD_FLOW, 0x00, 0x01, 0x10, 0, 0, receive | send << 3 | verify << 6))


def _read(packet: bytes, *, sealed: bool) -> bytes:
    return bytes((_READ, 0x08 if sealed else 0x00, 0x00, len(packet))) + packet


def seeds() -> dict[str, bytes]:
    """Name -> input."""
    found = {"plain": bytes((_ADD_FLOW, 0x00, 0x01, 0, 0, 0)) + _read(RTP, sealed=False) + _read(RTCP, sealed=False)}
    for suite in _SUITES:
        for mki in (False, True):
            contexts = _context(0, suite, mki=mki) + _context(1, suite, mki=mki)
            packets = _read(RTP, sealed=True) + _read(RTCP, sealed=True)
            name = f"{suite}-{'mki' if mki else 'bare'}"
            found[f"open-{name}"] = contexts + _flow(1, 0) + packets
            found[f"again-{name}"] = contexts + _flow(1, 2) + packets
            found[f"verify-{name}"] = contexts + _flow(1, 0, verify=True) + packets
            bare = _read(RTP, sealed=False) + _read(RTCP, sealed=False)
            found[f"seal-{name}"] = contexts + _flow(0, 2) + bare
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, octets in seeds().items():
        (folder / f"seed-{name}").write_bytes(octets)


if __name__ == "__main__":
    main()
