"""What a process of a node may still do: its user, its capabilities, and its tie to the supervisor. Linux only."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
from dataclasses import dataclass
from pathlib import Path

from seaway.runtime.config import ConfigError

__all__ = [
    "CAP_NET_ADMIN", "RunAs", "drop", "keep_only", "look_up_user", "make_run_dir", "set_process_name", "tie_to_parent",
]  # fmt: skip

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
CAP_NET_ADMIN = 12


@dataclass(frozen=True, slots=True)
class RunAs:
    name: str
    uid: int
    gid: int


def look_up_user(name: str) -> RunAs | None:
    """Whose rights the children get; `None` when we are not root and stay who we are. Raises `ConfigError`."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ConfigError("run_as", name, "there is no such user", 'create it, or write "nobody"') from None
    return RunAs(name, entry.pw_uid, entry.pw_gid)


def make_run_dir(path: Path, user: RunAs | None, setting: str = "run_dir") -> None:
    """Create the run directory (or that of `setting`), 0750, owned by the children's user. Raises `ConfigError`."""
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        if path.is_symlink() or not path.is_dir():
            raise ConfigError(setting, str(path), "is not a directory", "choose another one")
        if user is not None:
            os.chown(path, user.uid, user.gid)
        path.chmod(0o750)
        closed = _closed_parent(path, user)
        if closed is not None:
            reason = f"{user.name if user else 'this user'} cannot enter {closed}"
            raise ConfigError(setting, str(path), reason, f"chmod o+x {closed}, or choose another {setting}")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            setting, str(path), f"cannot be used ({reason})", "choose one that this user may write"
        ) from None


def _closed_parent(path: Path, user: RunAs | None) -> Path | None:
    """The folder above `path` which `user` may not enter; `None` when there is none, or when we stay who we are."""
    if user is None:
        return None
    for parent in reversed(path.absolute().parents):
        state = parent.stat()
        bit = 0o100 if state.st_uid == user.uid else 0o010 if state.st_gid == user.gid else 0o001
        if not state.st_mode & bit:
            return parent
    return None


def drop(user: RunAs | None) -> None:
    """Give up root for good: groups, user, capability bounding set, and any gain by exec. Raises `OSError`."""
    if user is not None:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        for capability in range(_LAST_CAPABILITY + 1):
            if ctypes.CDLL(None, use_errno=True).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                break  # past the last one of this kernel
        os.setgroups([])
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
        if user.uid != 0 and os.geteuid() == 0:
            raise PermissionError("still root after setresuid")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def keep_only(capability: int) -> None:
    """Stay root, but with one capability only: for this process, and for programs that it runs. Raises `OSError`."""
    library = ctypes.CDLL(None, use_errno=True)
    os.setgroups([])
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for other in range(_LAST_CAPABILITY + 1):
        if other != capability and library.prctl(_PR_CAPBSET_DROP, other, 0, 0, 0) != 0:
            break  # past the last one of this kernel
    # capset(2): struct __user_cap_header_struct, two of __user_cap_data_struct (effective, permitted, inheritable)
    words = [(1 << capability) >> shift & 0xFFFFFFFF for shift in (0, 32)]
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)(words[0], words[0], 0, words[1], words[1], 0)
    if library.capset(header, data) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def set_process_name(name: str) -> None:
    """What `ps -o comm` and the port holder's line show; at most 15 octets."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def tie_to_parent(parent: int) -> None:
    """Die with the parent. Called after `drop`: a change of user clears the setting."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we were tied
        os._exit(1)


def _prctl(option: int, argument: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, argument, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
