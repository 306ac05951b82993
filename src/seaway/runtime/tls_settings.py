"""The `[tls]` table of a node's file: the CA of the peers, our certificates, revocation lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from seaway.runtime.settings import Settings

__all__ = ["ExtraCertificate", "Tls"]


class ExtraCertificate(Settings):
    """One more certificate, shown to clients that ask for a name in it (SNI, RFC 6066 §3)."""

    certificate: Path
    key: Path


class Tls(Settings):
    ca: Path
    certificate: Path
    key: Path
    crl: Path | None = None  # lists of all CAs in `ca`; without it nothing is revoked
    extra: Annotated[tuple[ExtraCertificate, ...], Field(max_length=100)] = ()

    def under(self, base: Path) -> Self:
        """The same with relative paths starting at `base`."""
        extra = tuple(ExtraCertificate(certificate=base / e.certificate, key=base / e.key) for e in self.extra)
        return type(self)(
            ca=base / self.ca, certificate=base / self.certificate, key=base / self.key,
            crl=self.crl and base / self.crl, extra=extra,
        )  # fmt: skip
