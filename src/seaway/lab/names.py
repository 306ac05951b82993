"""A name server of a few lines for loopback mode, where nobody may bind port 53: fixed A records, nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

__all__ = ["NameServer"]


class NameServer:
    """Answers A queries from a table over UDP; other types get an empty answer, other names NXDOMAIN."""

    def __init__(self, records: dict[str, str], address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self._records = {f"{name.rstrip('.').lower()}.": value for name, value in records.items()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0.5)
        self._open = True
        host, port = self._socket.getsockname()
        self.address = f"{host}:{port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while self._open:
            try:
                data, source = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            reply = self.answer(data)
            if reply is not None:
                with contextlib.suppress(OSError):
                    self._socket.sendto(reply, source)

    def answer(self, data: bytes) -> bytes | None:
        """The reply to one query; None when it cannot be read (RFC 1035 §4.1)."""
        try:
            query = dns.message.from_wire(data)
            if len(query.question) != 1:
                return None
            question = query.question[0]
            response = dns.message.make_response(query)
        except dns.exception.DNSException:
            return None
        response.flags |= dns.flags.AA
        value = self._records.get(question.name.to_text().lower())
        if value is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", value))
        return response.to_wire()

    def close(self) -> None:
        self._open = False
        self._socket.close()
        self._thread.join(1.0)
