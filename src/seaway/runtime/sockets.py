"""The one place that binds and connects sockets. Every socket belongs to a catalog row (invariant 1).

`Sockets` knows the resolved deployment and the node it runs on. What a caller asks for is checked against the row: the
address is that of the node's NIC in this row, the port lies in the row's range, the remote end is one the row allows.
Anything else is a `SocketError` before any system call. Sockets come back non-blocking, ready for the event loop, and
`table()` names the row of each one that is open.

Unix sockets have no row and are opened in `ipc.py`. Which rows serve SIP is not known here.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from seaway.catalog.model import Transport
from seaway.catalog.resolve import Resolution
from seaway.runtime.claims import Claim, claims_of
from seaway.runtime.destinations import Destinations
from seaway.runtime.holder import who_holds
from seaway.wire.endpoint import shown as text_of

__all__ = ["OpenSocket", "RowSocket", "SocketError", "Sockets"]

Address = tuple[str, int]

_BACKLOG = 1024
_UDP_BUFFER = 4 * 1024 * 1024  # octets asked for; the kernel caps it at net.core.rmem_max
_QUARANTINE = 60.0  # seconds a client port rests after use, as long as firewalls and peers may remember it


class SocketError(Exception):
    """A socket that may not, or cannot, be opened. `str()` is one line with row, address, reason and remedy."""

    def __init__(self, row: str, address: str, reason: str, remedy: str, *, errno: int | None = None) -> None:
        super().__init__(f"row {row}, {address}: {reason}; {remedy}")
        self.row = row
        self.address = address
        self.reason = reason
        self.remedy = remedy
        self.errno = errno


@dataclass(frozen=True, slots=True)
class OpenSocket:
    rows: tuple[str, ...]
    kind: str  # "udp", "listen", "dial"
    transport: str
    nic: str
    local: Address
    remote: Address | None


class RowSocket(socket.socket):
    """A socket that can name its rows."""

    entry: OpenSocket


class Sockets:
    """`resolution` of the deployment, `node` the name of this node. Raises `KeyError` for an unknown node."""

    def __init__(self, resolution: Resolution, node: str) -> None:
        self._node = resolution.deployment.node(node)
        self._open: weakref.WeakSet[RowSocket] = weakref.WeakSet()
        self._resting: dict[tuple[str, int], float] = {}  # (NIC address, port) -> when it was taken
        self._claims: dict[str, list[Claim]] = {}
        self._asked: dict[tuple[str, Transport, str, int | None, bool], tuple[Claim, ...]] = {}
        self._destinations = Destinations(self._node)
        for connection in resolution.connections:
            for claim in claims_of(connection, self._node, resolution):
                for row in (connection.row.id, *connection.also):
                    self._claims.setdefault(row, []).append(claim)

    # -- opening

    def udp(
        self,
        rows: str | Iterable[str],
        nic: str,
        port: int,
        *,
        family: int | None = None,
        adopted: dict[Address, int] | None = None,
    ) -> RowSocket:
        """A bound UDP socket that serves all of `rows` (listening, sending, or both). Raises `SocketError`.

        `family`: IP version 4 or 6; `None`: IPv4 where the NIC has both.
        `adopted`: descriptors of sockets that an earlier process of ours bound; one that fits is taken out and used.
        """
        names = (rows,) if isinstance(rows, str) else tuple(rows)
        address = ""
        for row in names:
            address = self._claim(row, Transport.UDP, nic, port, family).address
        if not address:
            raise SocketError("-", f"port {port}/udp", "no row was named", "name the catalog rows of this socket")
        descriptor = adopted.pop((address, port), None) if adopted else None
        made = self._new(names, "udp", socket.SOCK_DGRAM, nic, (address, port), None, descriptor)
        if descriptor is not None:
            return made
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UDP_BUFFER)
        self._bind(made)
        return made

    def listen(
        self, rows: str | Iterable[str], nic: str, port: int, *, family: int | None = None, shared: bool = False
    ) -> RowSocket:
        """A listening TCP socket for all of `rows`. `shared`: others may be dialled from its port (`dial_from`).

        `family` as in `udp`. Raises `SocketError`, also when a row does not listen there.
        """
        names = (rows,) if isinstance(rows, str) else tuple(rows)
        address = ""
        for row in names:
            address = self._claim(row, Transport.TCP, nic, port, family, listens=True).address
        made = self._new(names, "listen", socket.SOCK_STREAM, nic, (address, port), None)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._bind(made)
        made.listen(_BACKLOG)
        return made

    def dial(self, row: str, remote: Address, *, nic: str) -> RowSocket:
        """A TCP socket bound to a port of the row's source range, not yet connected; see `connect`.

        `remote` is an IP literal and a port that the row must allow. Raises `SocketError`.
        """
        return self._client(row, Transport.TCP, remote, nic)

    def dial_from(self, row: str, remote: Address, *, nic: str, port: int) -> RowSocket:
        """Like `dial`, from a given port of the row, which may have a shared listener (RFC 6062 §5.2).

        Raises `SocketError`.
        """
        family = _literal(remote[0], row, f"{text_of(remote)}/tcp").version
        claim = self._claim(row, Transport.TCP, nic, port, family)
        if remote[0] != claim.address or remote[1] not in claim.ports:  # one relayed address may connect to another
            self.choose((row,), Transport.TCP, remote, nic)
        made = self._new((row,), "dial", socket.SOCK_STREAM, nic, (claim.address, port), remote)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._bind(made)
        return made

    def datagram_client(self, row: str, remote: Address, nic: str) -> RowSocket:
        """A UDP socket on a random port of the row's source range, connected to `remote`. Raises `SocketError`."""
        made = self._client(row, Transport.UDP, remote, nic)
        try:
            made.connect(remote)
        except OSError as error:
            made.close()
            raise self._failed(made.entry, error) from error
        return made

    @staticmethod
    def start_connect(made: RowSocket) -> bool:
        """Begin to connect a socket from `dial`: true when it is connected at once, else wait until it is writable.

        Raises `SocketError`.
        """
        assert made.entry.remote is not None
        code = made.connect_ex(made.entry.remote)
        if code in (0, errno.EISCONN):
            return True
        if code in (errno.EINPROGRESS, errno.EALREADY):
            return False
        raise Sockets._failed(made.entry, OSError(code, os.strerror(code)))

    @staticmethod
    def finish_connect(made: RowSocket) -> None:
        """The outcome, once a connecting socket is writable. Raises `SocketError`."""
        code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise Sockets._failed(made.entry, OSError(code, os.strerror(code)))

    # -- asking

    def table(self) -> list[OpenSocket]:
        """What is open now, sorted by local address."""
        return sorted(
            (each.entry for each in self._open if each.fileno() >= 0),
            key=lambda e: (e.transport, e.local, e.remote or ()),
        )

    def has(self, row: str) -> bool:
        """Whether this node takes part in `row` in this deployment."""
        return row in self._claims

    def rows_at(self, transport: str, local: Address) -> tuple[str, ...]:
        """The rows under which this node may have a socket at `local`."""
        found = [
            row
            for row, claims in self._claims.items()
            for claim in claims
            if claim.transport == transport and claim.address == local[0] and local[1] in claim.ports
        ]
        return tuple(dict.fromkeys(found))

    def row_of(self, rows: tuple[str, ...], transport: Transport, remote: Address, *, nic: str) -> str:
        """Which of `rows`, those of one socket, a peer at `remote` comes by; the first where none is about him."""
        host, listens = _literal(remote[0], "-", remote[0]), transport is Transport.TCP
        for row in rows:
            if any(each.reaches(host, remote[1]) for each in self._fitting(row, transport, nic, host.version, listens)):
                return row
        return rows[0]

    def choose(self, rows: Iterable[str], transport: Transport, remote: Address, nic: str) -> str:
        """The first of `rows` by which this node may send to `remote` from `nic`. Raises `SocketError`.

        This is the guard against destinations named by the peer (R35): what `destinations.py` refuses, and what no row
        covers.
        """
        shown = f"{text_of(remote)}/{transport}"
        host = _literal(remote[0], "-", shown)
        refusal = self._destinations.refusal(host)
        if refusal is not None:
            raise SocketError("-", shown, refusal, "nothing is sent there")
        facing = self._facing(nic)
        tried = []
        for row in rows:
            for claim in self._claims.get(row, ()):
                if claim.transport is not transport or claim.nic != facing:
                    continue
                if claim.reaches(host, remote[1]) and not (claim.listens and transport is Transport.TCP):
                    return row
                tried.append(row)
        listed = ", ".join(dict.fromkeys(tried)) or "none on this NIC"
        raise SocketError(listed, shown, "no catalog row allows this destination", "see `seaway map resolve`")

    # -- inside

    def _facing(self, nic: str) -> str:
        return self._node.facing("outer" if nic == "outer" else "inner")[0]

    def _claim(
        self, row: str, transport: Transport, nic: str, port: int, family: int | None, *, listens: bool = False
    ) -> Claim:
        fitting = self._fitting(row, transport, nic, family, listens)
        for claim in fitting:
            if port in claim.ports:
                return claim
        shown = f"port {port}/{transport} on the {nic} NIC" + (f" over IPv{family}" if family else "")
        if row not in self._claims:
            raise SocketError(row, shown, f"{self._node.name} has no part in this row", "see `seaway map resolve`")
        if not fitting:
            what = "listens" if listens else "has a socket"
            raise SocketError(row, shown, f"the row {what} on no such transport and NIC", "see `seaway map resolve`")
        allowed = " or ".join(sorted({str(each.ports) for each in fitting}))
        raise SocketError(row, shown, f"the row allows {allowed}", "change [ports] of the deployment, or the caller")

    def _fitting(
        self, row: str, transport: Transport, nic: str, family: int | None, listens: bool
    ) -> tuple[Claim, ...]:
        """The claims by which such a socket may be opened, whatever its port. The same for each relayed call."""
        key = (row, transport, nic, family, listens)
        found = self._asked.get(key)
        if found is None:
            facing = self._facing(nic)
            found = self._asked[key] = tuple(
                each for each in self._claims.get(row, ())
                if each.transport is transport and each.nic == facing and (each.listens or not listens)
                and family in (None, each.version)
            )  # fmt: skip
        return found

    def _client(self, row: str, transport: Transport, remote: Address, nic: str) -> RowSocket:
        shown = f"{text_of(remote)}/{transport}"
        host = _literal(remote[0], row, shown)
        facing = self._facing(nic)
        fitting = [
            each for each in self._claims.get(row, ())
            if each.transport is transport and each.nic == facing and not each.listens
        ]  # fmt: skip
        if not fitting:
            raise SocketError(row, shown, f"{self._node.name} opens nothing by this row", "see `seaway map resolve`")
        claim = next((each for each in fitting if each.reaches(host, remote[1])), None)
        if claim is None:
            raise SocketError(row, shown, "the row does not lead there", "see `seaway map resolve`")
        kind = socket.SOCK_STREAM if transport is Transport.TCP else socket.SOCK_DGRAM
        for port in self._candidates(claim):
            made = self._new(
                (row,), "dial" if transport is Transport.TCP else "udp", kind, nic, (claim.address, port), remote
            )
            if transport is Transport.TCP:
                # A port whose last connection is in TIME_WAIT may be taken again; two live ones never share it.
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            try:
                made.bind((claim.address, port))
            except OSError as error:
                made.close()
                if error.errno == errno.EADDRINUSE:
                    continue
                raise self._failed(made.entry, error) from error
            self._rest(claim.address, port)
            return made
        raise SocketError(row, shown, f"every source port of {claim.ports} is in use", "widen the range in [ports]")

    def _candidates(self, claim: Claim) -> Iterable[int]:
        """Free ports of the row from a random start; rested ones first, then those used a moment ago, oldest first."""
        busy = {
            each.entry.local[1] for each in self._open if each.fileno() >= 0 and each.entry.local[0] == claim.address
        }
        count = sum(1 for _ in claim.ports)
        start = secrets.randbelow(count)
        before: list[int] = []
        after: list[int] = []
        for position, port in enumerate(claim.ports):
            (before if position < start else after).append(port)
        limit = time.monotonic() - _QUARANTINE
        tired: list[tuple[float, int]] = []
        for port in (*after, *before):
            if port in busy:
                continue
            used = self._resting.get((claim.address, port), limit)
            if used <= limit:
                yield port
            else:
                tired.append((used, port))
        for _, port in sorted(tired):
            yield port

    def _rest(self, address: str, port: int) -> None:
        self._resting.pop((address, port), None)
        self._resting[address, port] = time.monotonic()
        limit = time.monotonic() - _QUARANTINE
        while self._resting:  # in order of use; bounded by the number of ports anyway
            oldest = next(iter(self._resting))
            if self._resting[oldest] > limit:
                return
            del self._resting[oldest]

    def _new(
        self, rows: tuple[str, ...], kind: str, type: int, nic: str, local: Address, remote: Address | None,
        descriptor: int | None = None,
    ) -> RowSocket:  # fmt: skip
        family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        made = RowSocket(family, type | socket.SOCK_NONBLOCK, fileno=descriptor)
        if family == socket.AF_INET6 and descriptor is None:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        transport = "tcp" if type == socket.SOCK_STREAM else "udp"
        made.entry = OpenSocket(rows, kind, transport, self._facing(nic), local, remote)
        if descriptor is not None:
            made.setblocking(False)
        self._open.add(made)
        return made

    def _bind(self, made: RowSocket) -> None:
        try:
            made.bind(made.entry.local)
        except OSError as error:
            made.close()
            raise self._failed(made.entry, error) from error

    @staticmethod
    def _failed(entry: OpenSocket, error: OSError) -> SocketError:
        row = "+".join(entry.rows)
        shown = f"{text_of(entry.local)}/{entry.transport}"
        if entry.remote is not None:
            shown += f" to {text_of(entry.remote)}"
        reason, remedy = error.strerror or str(error), "check the address and the route"
        if error.errno == errno.EADDRINUSE:
            holder = who_holds(entry.transport, entry.local)
            reason = "the port is in use" + (f" by {holder}" if holder else "")
            remedy = (
                f"stop {holder}" if holder else f"find its owner with `ss -lnp sport = {entry.local[1]}` and stop it"
            )
        elif error.errno == errno.EADDRNOTAVAIL:
            reason, remedy = (
                "this host does not have the address",
                "give it to the NIC, or correct nic.address of the node",
            )
        elif error.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT):
            reason, remedy = reason.lower(), "check that the other side runs and that firewalls let this row pass"
        elif error.errno in (errno.EACCES, errno.EPERM):
            reason, remedy = "not permitted", "start as root (ports below 1024), or check the host firewall"
        return SocketError(row, shown, reason, remedy, errno=error.errno)


def _literal(host: str, row: str, shown: str) -> IPv4Address | IPv6Address:
    try:
        found = ip_address(host)
    except ValueError:
        raise SocketError(row, shown, "no IP address", "resolve the name first") from None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        raise SocketError(row, shown, "an IPv4 address in the form of IPv6", "write it as IPv4")
    return found
