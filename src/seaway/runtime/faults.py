"""Why a connection failed, as one clear phrase for the log and for call control."""

from __future__ import annotations

import ssl

__all__ = ["describe"]


def describe(error: BaseException) -> str:
    """One clear phrase for why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate was refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason.replace('_', ' ').lower() if error.reason else error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
