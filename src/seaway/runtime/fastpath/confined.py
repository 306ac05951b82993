"""Makes the kernel fast path in a child that has hardly more than CAP_BPF and CAP_NET_ADMIN, and is gone when done.

The child is forked, gives up its user and all other capabilities, loads and attaches, and sends the descriptors back.
So no process that runs on has these capabilities, and a fault in the loader cannot do what root could.

Its third is CAP_PERFMON, when we have it: to programs loaded without it the kernel adds barriers against speculation,
which protect from a hostile program. Ours is not, and takes half the time for a packet without them.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
from collections.abc import Sequence
from struct import pack, unpack

from seaway.media.flows import FlowError
from seaway.runtime.fastpath.loading import KernelFastPath, load
from seaway.runtime.ipc import private_pair

__all__ = ["NEEDED", "WANTED", "confine", "load_confined"]

_NOBODY = 65534
_CAP_NET_ADMIN, _CAP_PERFMON, _CAP_BPF, _LAST_CAPABILITY = 12, 38, 39, 63
NEEDED = 1 << _CAP_NET_ADMIN | 1 << _CAP_BPF
WANTED = NEEDED | 1 << _CAP_PERFMON
_CAPABILITY_VERSION = 0x20080522  # of capset(2): 64 bits in two halves
_PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 8, 24, 38
_MOST = 65536  # octets of the child's report
_MOST_DESCRIPTORS = 250  # of one message (SCM_MAX_FD)
_PATIENCE = 30.0  # seconds


def load_confined(interfaces: Sequence[str], mode: str, *, max_flows: int = 65536) -> KernelFastPath:
    """`load` in such a child. Raises `FlowError`."""
    ours, theirs = private_pair()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ours.close()
            _report(theirs, interfaces, mode, max_flows)
            status = 0
        finally:
            os._exit(status)
    theirs.close()
    try:
        ours.settimeout(_PATIENCE)
        report, descriptors, _, _ = socket.recv_fds(ours, _MOST, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    except OSError as problem:
        os.kill(child, signal.SIGKILL)
        raise FlowError(f"kernel fast path: no word of the child that loads it ({problem})") from None
    finally:
        ours.close()
        os.waitpid(child, 0)
    if not report:
        raise FlowError("kernel fast path: the child that loads it died")
    said = json.loads(report)
    if "error" in said:
        raise FlowError(said["error"])
    return KernelFastPath(
        said["engine"], said["reason"], dict(zip(said["names"], descriptors, strict=True)), tuple(interfaces)
    )


def _report(out: socket.socket, interfaces: Sequence[str], mode: str, max_flows: int) -> None:
    try:
        confine(WANTED if _permitted() & WANTED == WANTED else NEEDED)
        made = load(interfaces, mode, max_flows=max_flows)
    except FlowError as problem:
        out.send(json.dumps({"error": str(problem)}).encode())
        return
    except OSError as problem:
        reason = problem.strerror or str(problem)
        out.send(json.dumps({"error": f"kernel fast path: cannot give up root before loading ({reason})"}).encode())
        return
    said = {"engine": made.engine, "reason": made.reason, "names": list(made.fds)}
    socket.send_fds(out, [json.dumps(said).encode()], list(made.fds.values()))


def confine(kept: int) -> None:
    """This process is nobody from now on, with the capabilities in the mask `kept` and no way to others. Raises
    `OSError`."""
    if os.geteuid() == 0:
        for capability in range(_LAST_CAPABILITY + 1):
            if not kept >> capability & 1 and _prctl(_PR_CAPBSET_DROP, capability) != 0:
                break  # past the last one of this kernel
        _must(_prctl(_PR_SET_KEEPCAPS, 1))
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    sets = pack("=6I", low, low, 0, high, high, 0)  # effective, permitted, inheritable of each half
    _must(ctypes.CDLL(None, use_errno=True).capset(pack("=Ii", _CAPABILITY_VERSION, 0), sets))
    _must(_prctl(_PR_SET_NO_NEW_PRIVS, 1))


def _permitted() -> int:
    sets = ctypes.create_string_buffer(24)
    _must(ctypes.CDLL(None, use_errno=True).capget(pack("=Ii", _CAPABILITY_VERSION, 0), sets))
    _, low, _, _, high, _ = unpack("=6I", sets.raw)
    return int(high << 32 | low)


def _prctl(option: int, argument: int) -> int:
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0))


def _must(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
