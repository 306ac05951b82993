"""Key derivation against the vectors of the RFCs."""

from __future__ import annotations

import pytest

from seaway.core.srtp.keys import MasterKey, derive


def test_rfc3711_b3_key_derivation() -> None:
    master = MasterKey.joined(
        "AES_CM_128_HMAC_SHA1_80",
        bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6"),
    )
    rtp, rtcp = derive(master)
    assert rtp.encryption == bytes.fromhex("C61E7A93744F39EE10734AFE3FF7A087")
    assert rtp.salt == bytes.fromhex("30CBBC08863D8C85D49DB34A9AE1")
    assert rtp.authentication == bytes.fromhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    assert len({rtp.encryption, rtcp.encryption, rtp.authentication, rtcp.authentication, rtp.salt, rtcp.salt}) == 6


def test_rfc6188_7_2_key_derivation_with_256_bits() -> None:
    master = MasterKey.joined(
        "AES_256_CM_HMAC_SHA1_80",
        bytes.fromhex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2"),
    )
    rtp, _ = derive(master)
    assert rtp.encryption == bytes.fromhex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
    assert rtp.salt == bytes.fromhex("fa31791685ca444a9e07c6c64e93")
    assert rtp.authentication == bytes.fromhex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")


def test_a_wrong_length_is_refused_without_a_word_of_the_key() -> None:
    with pytest.raises(ValueError, match="30 octets of key and salt, not 6") as caught:
        MasterKey.joined("AES_CM_128_HMAC_SHA1_80", b"secret")
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="F8_128_HMAC_SHA1_80"):
        MasterKey.joined("F8_128_HMAC_SHA1_80", bytes(30))
    with pytest.raises(ValueError, match="MKI"):
        MasterKey.joined("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(129))


def test_no_key_in_the_repr_of_a_key() -> None:
    master = MasterKey.joined("AEAD_AES_128_GCM", b"K" * 16 + b"S" * 12)
    assert "KKKK" not in repr(master) and "SSSS" not in repr(master)
    assert all(text not in repr(derive(master)) for text in ("encryption", "salt"))
