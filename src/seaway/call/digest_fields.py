"""Digest header values as the parameter mappings that `identity/digest.py` works on."""

from __future__ import annotations

from seaway.wire.sip.auth import parse_auth_params

__all__ = ["digest_parameters"]


def digest_parameters(value: bytes) -> dict[str, str] | None:
    """Parameters of a Digest challenge or credential, unquoted; `None` for another scheme. Raises `SipError`."""
    scheme, _, rest = value.replace(b"\t", b" ").partition(b" ")
    if scheme.lower() != b"digest":
        return None
    return {
        name.decode("ascii"): text.decode("utf-8", "surrogateescape") for name, text in parse_auth_params(rest).items()
    }
