"""The TLS files of a node, read and checked as root, as values that can be handed to a process without root."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from seaway.identity.certificates import CertificateError, check, load_certificates, names_of, read_pem
from seaway.identity.crl import check_crl
from seaway.runtime.tls_settings import Tls

__all__ = ["Chain", "TlsFiles", "decode_files", "encode_files", "read_files"]


@dataclass(frozen=True, slots=True)
class Chain:
    """One certificate with what stands above it, and its key; PEM octets."""

    certificate: bytes
    key: bytes = field(repr=False)
    names: tuple[str, ...]  # DNS names and IP literals in it
    label: str  # path, for messages


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """`chains[0]` is shown to whoever asks for no name, or for one that no chain has."""

    ca: bytes
    crl: bytes | None
    chains: tuple[Chain, ...]
    warnings: tuple[str, ...] = ()  # what ends soon


def read_files(tls: Tls, names: Sequence[str]) -> TlsFiles:
    """Read and check all files of `tls`; the first certificate must carry `names`. Raises `CertificateError`."""
    warnings = []
    chains: list[Chain] = []
    pairs = [(tls.certificate, tls.key), *((each.certificate, each.key) for each in tls.extra)]
    for index, (certificate, key) in enumerate(pairs):
        checked = check(certificate, key, tls.ca, names if index == 0 else ())
        warnings += [checked.warning] if checked.warning else []
        octets = read_pem(certificate)
        present = names_of(load_certificates(certificate)[0])
        if index and not present:
            raise CertificateError(certificate, "carries no name to choose it by", "issue it for a DNS name")
        chains.append(Chain(octets, read_pem(key), present, str(certificate)))
    crl = None
    if tls.crl is not None:
        warning = check_crl(tls.crl, tls.ca)
        warnings += [warning] if warning else []
        crl = read_pem(tls.crl)
    return TlsFiles(read_pem(tls.ca), crl, tuple(chains), tuple(warnings))


def encode_files(files: TlsFiles) -> bytes:
    """For a private socket between processes of one node: it holds keys."""
    return json.dumps(
        {
            "ca": _text(files.ca),
            "crl": None if files.crl is None else _text(files.crl),
            "chains": [
                [_text(each.certificate), _text(each.key), list(each.names), each.label] for each in files.chains
            ],
        }
    ).encode()


def decode_files(octets: bytes) -> TlsFiles:
    """The reverse of `encode_files`, whose warnings are left behind."""
    data: dict[str, Any] = json.loads(octets)
    crl = data["crl"]
    chains = (Chain(_octets(pem), _octets(key), tuple(names), label) for pem, key, names, label in data["chains"])
    return TlsFiles(_octets(data["ca"]), None if crl is None else _octets(crl), tuple(chains))


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _octets(text: str) -> bytes:
    return base64.b64decode(text)
