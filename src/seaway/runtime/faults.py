"""Why a connection failed, as one clear phrase with what to do, for the log and for call control."""

from __future__ import annotations

import re
import ssl

__all__ = ["describe"]

# By the numbers of X509_V_ERR_..., that OpenSSL does not change.
_CERTIFICATE = {
    3: "the revocation list of its CA is not there; add it to crl under [tls]",
    9: "it is not valid yet; check the clocks of both sides",
    10: "it has ended; issue a new one, or check the clock here",
    12: "the revocation list of its CA has ended; write a new one with `seaway node revoke`",
    18: "it is signed by itself and not in ca under [tls]",
    19: "its CA is not in ca under [tls]",
    20: "its CA is not in ca under [tls]",
    21: "its CA is not in ca under [tls], or it was sent without its chain",
    23: "it has been revoked",
    26: "it is not for this use; its extended key usage needs both serverAuth and clientAuth",
}
_OTHER_NAME = (62, 64)  # host name, IP address
# What the other side says of us: alerts of RFC 8446 §6.2, as OpenSSL names them.
_ALERTS = {
    "UNKNOWN_CA": "does not know the CA of this node's certificate; its ca under [tls] needs it",
    "CERTIFICATE_EXPIRED": "says that this node's certificate has ended; issue a new one, or check its clock",
    "CERTIFICATE_REVOKED": "says that this node's certificate has been revoked; issue a new one",
    "BAD_CERTIFICATE": "refuses this node's certificate; look at its log",
    "CERTIFICATE_UNKNOWN": "refuses this node's certificate; look at its log",
    "UNSUPPORTED_CERTIFICATE": "refuses this node's certificate: it is not for this use",
    "CERTIFICATE_REQUIRED": "wants a certificate of this node",
    "HANDSHAKE_FAILURE": "has no TLS suite in common with this node",
    "PROTOCOL_VERSION": "has no TLS version in common with this node: 1.2 or 1.3",
}
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG")


def describe(error: BaseException) -> str:
    """One clear phrase for why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate was refused: {_refused(error)}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if "_ALERT_" in reason:
            alert = reason.partition("_ALERT_")[2]
            said = _ALERTS.get(alert, f"sent a TLS alert: {alert.replace('_', ' ').lower()}")
            return f"TLS failed: the peer {said}"
        if reason in _NO_TLS:
            return "TLS failed: what the peer sends is no TLS; check its port and transport"
        if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            return "TLS failed: the peer shows no certificate, and this port wants one"
        return f"TLS failed: {reason.replace('_', ' ').lower() if reason else error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, ConnectionResetError | ConnectionAbortedError) and not str(error):
        return "closed by the peer before TLS was up: it may have refused this node's certificate; look at its log"
    return str(error) or type(error).__name__


def _refused(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _OTHER_NAME:
        found = re.search(r"'([^']*)'", error.verify_message)
        name = found[1] if found else "the expected name"
        return f"it does not carry {name}; correct verify_name, or issue one with this name"
    return _CERTIFICATE.get(error.verify_code, error.verify_message)
