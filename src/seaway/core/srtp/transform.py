"""One packet in, one packet out, under the session keys of one master key. The caller knows the packet's index.

RTP packets given to `open_rtp` and `seal_rtp` have a checked header (`wire.rtp.packet.is_rtp`). What does not
authenticate is `None`; nothing here raises for the content of a packet.
"""

from __future__ import annotations

import hmac
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from seaway.core.srtp.keys import MasterKey, SessionKeys, derive
from seaway.wire.rtp.packet import header_length

__all__ = ["Transform", "transform_of"]

_ENCRYPTED = 0x80000000  # the E flag in front of the SRTCP index (RFC 3711 §3.4)
_RTCP_CLEAR = 8  # octets of an SRTCP packet that stay in clear


class Transform(Protocol):
    """`index` of RTP: 48 bits, rollover counter and sequence number; of RTCP: 31 bits, and in the packet."""

    def authentic_rtp(self, packet: bytes, index: int) -> bool: ...

    def open_rtp(self, packet: bytes, index: int) -> bytes | None: ...

    def seal_rtp(self, packet: bytes, index: int) -> bytes: ...

    def open_rtcp(self, packet: bytes) -> tuple[int, bytes] | None:
        """The index and the packet; also of SRTCP that is authenticated and not encrypted."""

    def seal_rtcp(self, packet: bytes, index: int) -> bytes: ...


def transform_of(master: MasterKey) -> Transform:
    rtp, rtcp = derive(master)
    if master.suite.aead:
        return _Gcm(rtp, rtcp, master.mki)
    return _CounterMode(rtp, rtcp, master.mki, master.suite.rtp_tag, master.suite.rtcp_tag)


class _CounterMode:
    """AES-CM and HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1, RFC 6188)."""

    def __init__(self, rtp: SessionKeys, rtcp: SessionKeys, mki: bytes, rtp_tag: int, rtcp_tag: int) -> None:
        self._rtp, self._rtcp, self._mki = rtp, rtcp, mki
        self._rtp_tag, self._rtcp_tag = rtp_tag, rtcp_tag

    def authentic_rtp(self, packet: bytes, index: int) -> bool:
        return self._body(packet, index) >= 0

    def open_rtp(self, packet: bytes, index: int) -> bytes | None:
        end = self._body(packet, index)
        if end < 0:
            return None
        start = header_length(packet)
        return packet[:start] + self._stream(self._rtp, packet[8:12], index, packet[start:end])

    def seal_rtp(self, packet: bytes, index: int) -> bytes:
        start = header_length(packet)
        sealed = packet[:start] + self._stream(self._rtp, packet[8:12], index, packet[start:])
        tag = hmac.digest(self._rtp.authentication, sealed + (index >> 16).to_bytes(4, "big"), "sha1")
        return sealed + self._mki + tag[: self._rtp_tag]

    def open_rtcp(self, packet: bytes) -> tuple[int, bytes] | None:
        at = len(packet) - self._rtcp_tag
        end = at - len(self._mki)
        if end < _RTCP_CLEAR + 4 or packet[end:at] != self._mki:
            return None
        tag = hmac.digest(self._rtcp.authentication, packet[:end], "sha1")[: self._rtcp_tag]
        if not hmac.compare_digest(tag, packet[at:]):
            return None
        word = int.from_bytes(packet[end - 4 : end], "big")
        index, body = word & ~_ENCRYPTED, packet[: end - 4]
        if word & _ENCRYPTED:
            body = body[:_RTCP_CLEAR] + self._stream(self._rtcp, packet[4:8], index, body[_RTCP_CLEAR:])
        return index, body

    def seal_rtcp(self, packet: bytes, index: int) -> bytes:
        sealed = packet[:_RTCP_CLEAR] + self._stream(self._rtcp, packet[4:8], index, packet[_RTCP_CLEAR:])
        sealed += (_ENCRYPTED | index).to_bytes(4, "big")
        tag = hmac.digest(self._rtcp.authentication, sealed, "sha1")
        return sealed + self._mki + tag[: self._rtcp_tag]

    def _body(self, packet: bytes, index: int) -> int:
        """Where the encrypted part of an authentic packet ends; -1 when it is not authentic."""
        at = len(packet) - self._rtp_tag
        end = at - len(self._mki)
        if end < header_length(packet) or packet[end:at] != self._mki:
            return -1
        tag = hmac.digest(self._rtp.authentication, packet[:end] + (index >> 16).to_bytes(4, "big"), "sha1")
        return end if hmac.compare_digest(tag[: self._rtp_tag], packet[at:]) else -1

    @staticmethod
    def _stream(keys: SessionKeys, ssrc: bytes, index: int, data: bytes) -> bytes:
        """RFC 3711 §4.1.1: IV = salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16."""
        start = int.from_bytes(keys.salt, "big") << 16 ^ int.from_bytes(ssrc, "big") << 64 ^ index << 16
        cipher = Cipher(algorithms.AES(keys.encryption), modes.CTR(start.to_bytes(16, "big")))
        return cipher.encryptor().update(data)


class _Gcm:
    """AES-GCM (RFC 7714). The tag belongs to the cipher text; an MKI comes behind it, in SRTCP behind the index."""

    def __init__(self, rtp: SessionKeys, rtcp: SessionKeys, mki: bytes) -> None:
        self._rtp, self._rtcp = AESGCM(rtp.encryption), AESGCM(rtcp.encryption)
        self._rtp_salt, self._rtcp_salt = int.from_bytes(rtp.salt, "big"), int.from_bytes(rtcp.salt, "big")
        self._mki = mki

    def authentic_rtp(self, packet: bytes, index: int) -> bool:
        return self.open_rtp(packet, index) is not None

    def open_rtp(self, packet: bytes, index: int) -> bytes | None:
        start, end = header_length(packet), len(packet) - len(self._mki)
        if end - start < 16 or packet[end:] != self._mki:
            return None
        header = packet[:start]
        try:
            return header + self._rtp.decrypt(self._rtp_nonce(packet, index), packet[start:end], header)
        except InvalidTag:
            return None

    def seal_rtp(self, packet: bytes, index: int) -> bytes:
        start = header_length(packet)
        header = packet[:start]
        return header + self._rtp.encrypt(self._rtp_nonce(packet, index), packet[start:], header) + self._mki

    def open_rtcp(self, packet: bytes) -> tuple[int, bytes] | None:
        end = len(packet) - len(self._mki)
        if end < _RTCP_CLEAR + 16 + 4 or packet[end:] != self._mki:
            return None
        word = packet[end - 4 : end]
        number = int.from_bytes(word, "big")
        index = number & ~_ENCRYPTED
        nonce = self._rtcp_nonce(packet, index)
        try:
            if number & _ENCRYPTED:
                clear = packet[:_RTCP_CLEAR]
                return index, clear + self._rtcp.decrypt(nonce, packet[_RTCP_CLEAR : end - 4], clear + word)
            clear = packet[: end - 20]  # RFC 7714 §10: only the tag is cipher text
            self._rtcp.decrypt(nonce, packet[end - 20 : end - 4], clear + word)
            return index, clear
        except InvalidTag:
            return None

    def seal_rtcp(self, packet: bytes, index: int) -> bytes:
        clear, word = packet[:_RTCP_CLEAR], (_ENCRYPTED | index).to_bytes(4, "big")
        nonce = self._rtcp_nonce(packet, index)
        return clear + self._rtcp.encrypt(nonce, packet[_RTCP_CLEAR:], clear + word) + word + self._mki

    def _rtp_nonce(self, packet: bytes, index: int) -> bytes:
        """RFC 7714 §8.1."""
        return (self._rtp_salt ^ int.from_bytes(packet[8:12], "big") << 48 ^ index).to_bytes(12, "big")

    def _rtcp_nonce(self, packet: bytes, index: int) -> bytes:
        """RFC 7714 §9.1."""
        return (self._rtcp_salt ^ int.from_bytes(packet[4:8], "big") << 48 ^ index).to_bytes(12, "big")
