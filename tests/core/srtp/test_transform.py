"""Packets under session keys: the vectors of RFC 3711 and RFC 7714, and libsrtp as an independent party."""

from __future__ import annotations

import pylibsrtp
import pytest

from seaway.core.srtp import transform as module
from seaway.core.srtp.keys import MasterKey, SessionKeys
from seaway.core.srtp.suites import SUITES
from seaway.core.srtp.transform import transform_of

_RTP = bytes.fromhex(
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"
)
_RTCP = bytes.fromhex(
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
)
_GCM_128, _GCM_256 = bytes(range(16)), bytes(range(32))
_SALT = b"Quid pro quo"
_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def master_of(suite: str, mki: bytes = b"") -> MasterKey:
    size = SUITES[suite].key + SUITES[suite].salt
    return MasterKey.joined(suite, bytes((7 * each + 1) % 256 for each in range(size)), mki)


def gcm(key: bytes) -> module._Gcm:
    keys = SessionKeys(key, b"", _SALT)
    return module._Gcm(keys, keys, b"")


def test_rfc3711_b2_aes_counter_mode() -> None:
    keys = SessionKeys(
        bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), b"", bytes.fromhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD")
    )
    stream = module._CounterMode._stream(keys, bytes(4), 0, bytes(48))
    assert stream == bytes.fromhex(
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"
    )


@pytest.mark.parametrize(
    ("key", "sealed"),
    [
        (_GCM_128,
         "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
         "899d7f27beb16a9152cf765ee4390cce"),
        (_GCM_256,
         "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
         "7aa3db36dfffd6b0f9bb7878d7a76c13"),
    ],
    ids=["16.1.1", "16.2.1"],
)  # fmt: skip
def test_rfc7714_16_srtp(key: bytes, sealed: str) -> None:
    assert gcm(key).seal_rtp(_RTP, 0xF17B) == _RTP[:12] + bytes.fromhex(sealed)
    assert gcm(key).open_rtp(_RTP[:12] + bytes.fromhex(sealed), 0xF17B) == _RTP


@pytest.mark.parametrize(
    ("key", "sealed"),
    [
        (_GCM_128,
         "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf872"
         "45d9eade800005d4"),
        (_GCM_256,
         "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6c"
         "b26ac3be800005d4"),
    ],
    ids=["17.1", "17.5"],
)  # fmt: skip
def test_rfc7714_17_srtcp(key: bytes, sealed: str) -> None:
    assert gcm(key).seal_rtcp(_RTCP, 0x5D4) == _RTCP[:8] + bytes.fromhex(sealed)
    assert gcm(key).open_rtcp(_RTCP[:8] + bytes.fromhex(sealed)) == (0x5D4, _RTCP)


@pytest.mark.parametrize("suite", _PROFILES)
def test_libsrtp_opens_what_we_seal_and_the_reverse(suite: str) -> None:
    master = master_of(suite)
    policy = pylibsrtp.Policy(
        key=master.key + master.salt, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=_PROFILES[suite]
    )
    ours = transform_of(master)
    theirs = pylibsrtp.Session(policy)
    assert theirs.unprotect(ours.seal_rtp(_RTP, 0xF17B)) == _RTP
    assert theirs.unprotect_rtcp(ours.seal_rtcp(_RTCP, 3)) == _RTCP
    policy.ssrc_type = pylibsrtp.Policy.SSRC_ANY_OUTBOUND
    sender = pylibsrtp.Session(policy)
    assert ours.open_rtp(sender.protect(_RTP), 0xF17B) == _RTP
    found = ours.open_rtcp(sender.protect_rtcp(_RTCP))
    assert found is not None and found[1] == _RTCP


@pytest.mark.parametrize("mki", [b"", b"\x01\x02"])
@pytest.mark.parametrize("suite", SUITES)
def test_any_flipped_bit_is_noticed(suite: str, mki: bytes) -> None:
    ours = transform_of(master_of(suite, mki))
    rtp, rtcp = ours.seal_rtp(_RTP, 0x1F17B), ours.seal_rtcp(_RTCP, 9)
    assert ours.open_rtp(rtp, 0x1F17B) == _RTP and ours.open_rtcp(rtcp) == (9, _RTCP)
    assert ours.authentic_rtp(rtp, 0x1F17B) and not ours.authentic_rtp(rtp, 0xF17B)
    for at in range(len(rtp)):
        changed = rtp[:at] + bytes([rtp[at] ^ (0x80 if at else 0x20)]) + rtp[at + 1 :]
        assert ours.open_rtp(changed, 0x1F17B) is None, at
    for at in range(len(rtcp)):
        changed = rtcp[:at] + bytes([rtcp[at] ^ 1]) + rtcp[at + 1 :]
        assert ours.open_rtcp(changed) is None, at


@pytest.mark.parametrize("suite", SUITES)
def test_cut_packets_are_none(suite: str) -> None:
    ours = transform_of(master_of(suite, b"\x05"))
    rtp, rtcp = ours.seal_rtp(_RTP, 5), ours.seal_rtcp(_RTCP, 5)
    assert all(ours.open_rtp(rtp[:size], 5) is None for size in range(12, len(rtp)))
    assert all(ours.open_rtcp(rtcp[:size]) is None for size in range(8, len(rtcp)))


def test_rtcp_that_is_authenticated_only_is_opened() -> None:
    """The E flag says whether it is encrypted (RFC 3711 §3.4); libsrtp does this when told to."""
    import hmac

    from seaway.core.srtp.keys import derive

    master = master_of("AES_CM_128_HMAC_SHA1_80")
    packet = _RTCP + (6).to_bytes(4, "big")
    packet += hmac.digest(derive(master)[1].authentication, packet, "sha1")[:10]
    assert transform_of(master).open_rtcp(packet) == (6, _RTCP)


def test_rfc7714_10_srtcp_that_is_authenticated_only() -> None:
    """AEAD with the E flag cleared: all of the packet is associated data (RFC 7714 §10)."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    word = (0x5D4).to_bytes(4, "big")
    nonce = gcm(_GCM_128)._rtcp_nonce(_RTCP, 0x5D4)
    tag = AESGCM(_GCM_128).encrypt(nonce, b"", _RTCP + word)
    assert gcm(_GCM_128).open_rtcp(_RTCP + tag + word) == (0x5D4, _RTCP)
