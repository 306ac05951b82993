"""A BPF program on the way into an interface, as a filter of its clsact qdisc: for kernels before 6.6, without TCX.

Spoken over netlink, which takes the program's descriptor; neither tc(8) nor a pin is needed. Unlike a link the filter
outlives every process, so each start removes what an earlier one left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from struct import Struct, pack

__all__ = ["attach", "detach"]

_NEW_QDISC, _NEW_FILTER, _DEL_FILTER, _ERROR = 36, 44, 45, 2
_REQUEST, _ACK, _EXCLUSIVE, _CREATE, _REPLACE = 0x1, 0x4, 0x200, 0x400, 0x100
_CLSACT, _INGRESS = 0xFFFFFFF1, 0xFFFFFFF2
_CLSACT_HANDLE = 0xFFFF0000
_KIND, _OPTIONS = 1, 2
_BPF_FD, _BPF_NAME, _BPF_FLAGS = 6, 7, 8
_DIRECT_ACTION = 1
_PRIORITY = 0x5EA  # ours: other filters of the host keep theirs
_HANDLE = 1
_ALL_PROTOCOLS = socket.htons(3)
_INFO = _PRIORITY << 16 | _ALL_PROTOCOLS
_HEADER = Struct("=IHHII")
_TRAFFIC = Struct("=B3xiIII")  # struct tcmsg


def attach(program: int, interface: int) -> None:
    """Raises `OSError`."""
    with contextlib.suppress(FileExistsError):
        qdisc = _TRAFFIC.pack(0, interface, _CLSACT_HANDLE, _CLSACT, 0) + _attribute(_KIND, b"clsact\0")
        _ask(_NEW_QDISC, _CREATE | _EXCLUSIVE, qdisc, "clsact qdisc")
    options = _attribute(_BPF_FD, pack("=I", program)) + _attribute(_BPF_NAME, b"seaway\0")
    options += _attribute(_BPF_FLAGS, pack("=I", _DIRECT_ACTION))
    _ask(_NEW_FILTER, _CREATE | _REPLACE, _filter(interface) + _attribute(_OPTIONS, options), "clsact filter")


def detach(interface: int) -> None:
    """Remove our filter, if there is one. The qdisc stays: others may use it. Raises `OSError`."""
    try:
        _ask(_DEL_FILTER, 0, _filter(interface), "clsact filter")
    except OSError as problem:
        if problem.errno not in (errno.ENOENT, errno.EINVAL, errno.ENODEV):  # no filter, no qdisc, no interface
            raise


def _filter(interface: int) -> bytes:
    return _TRAFFIC.pack(0, interface, _HANDLE, _INGRESS, _INFO) + _attribute(_KIND, b"bpf\0")


def _attribute(kind: int, value: bytes) -> bytes:
    whole = pack("=HH", 4 + len(value), kind) + value
    return whole.ljust(len(whole) + 3 & ~3, b"\0")


def _ask(kind: int, flags: int, body: bytes, what: str) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as channel:
        channel.settimeout(2.0)
        channel.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | _ACK | flags, 1, 0) + body)
        answer = channel.recv(4096)
    said = int.from_bytes(answer[16:20], "little" if pack("=H", 1)[0] else "big", signed=True)
    if _HEADER.unpack_from(answer)[1] != _ERROR or said != 0:
        raise OSError(-said, f"{what}: {os.strerror(-said).lower()}")
