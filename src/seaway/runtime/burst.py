"""Datagrams in bursts: all that wait on a socket, all that are to go out.

`burst.c` is the compiled form, with one system call a burst; this is what it means, and what runs without a compiler.
Both only read from and write to sockets that `sockets.py` has opened. An address is `(host, port)`; an IPv6 host with
a scope keeps it (`fe80::1%2`).
"""

from __future__ import annotations

import errno
import socket

__all__ = ["MOST", "receive", "send"]

MOST = 64  # datagrams in one burst, so that timers and streams get their turn
_OCTETS = 65535

Address = tuple[str, int]


def receive(sock: socket.socket) -> tuple[list[tuple[bytes, Address]], int]:
    """At most `MOST` datagrams with their sources, fewer when there are no more now; and how many errors of earlier
    datagrams came up (ICMP)."""
    found: list[tuple[bytes, Address]] = []
    errors = 0
    while len(found) < MOST and errors < MOST:
        try:
            data, remote = sock.recvfrom(_OCTETS)
        except BlockingIOError:
            break
        except OSError:
            errors += 1
            continue
        found.append((data, remote[:2]))
    return found, errors


def send(sock: socket.socket, queue: list[tuple[bytes, Address]]) -> tuple[int, list[tuple[int, int]]]:
    """Send what stands in `queue`, in order, without waiting.

    Returns how many are dealt with (the rest found the buffer full) and, for those that could not be sent, index and
    error number: EINVAL for what is no IP address.
    """
    failed: list[tuple[int, int]] = []
    for index, (data, remote) in enumerate(queue):
        try:
            sock.sendto(data, remote)
        except BlockingIOError:
            return index, failed
        except (socket.gaierror, OverflowError):
            failed.append((index, errno.EINVAL))
        except OSError as error:
            failed.append((index, error.errno or errno.EIO))
    return len(queue), failed
