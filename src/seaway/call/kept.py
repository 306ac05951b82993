"""Registrations as they are kept over a restart: one JSON value for each user, and bindings made anew from it.

Expiry is written as wall time. A binding that came by UDP or behind a zone can be used at once after the restart; one
whose connection is gone waits for its phone.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from seaway.call.config import ControlConfig
from seaway.call.events import KeepDue
from seaway.core.sip.binding import Binding
from seaway.core.sip.date import Dates
from seaway.core.sip.io import Address, Flow
from seaway.core.sip.registrar import Registrar
from seaway.core.sip.registration import Wanted

__all__ = ["PREFIX", "Keeper", "Row", "kept", "restored"]

PREFIX = "binding/"
_AT_ONCE = 500  # users: some milliseconds


Row = tuple[str, bytes | None, float | None]
"""Key, value (`None`: nothing any more) and wall time until which it is of use."""


class Keeper:
    """What is kept of one node's registrar. `wanted`: there is somebody who keeps it."""

    def __init__(
        self, config: ControlConfig, registrar: Registrar, dates: Dates,
        udp: Callable[[Address, Address], Flow | None], outputs: deque[Any],
    ) -> None:  # fmt: skip
        self._wanted = config.persistent
        self._registrar = registrar
        self._dates = dates
        self._udp = udp
        self._outputs = outputs
        self._due = False
        self._longest = config.registrar.maximum
        elsewhere = {each.name.lower() for each in config.registrations if each.register_on is not None}
        self._domains = frozenset(each.lower().encode() for each in config.domains if each.lower() not in elsewhere)
        self._users = frozenset(each.name.encode("utf-8", "surrogateescape") for each in config.users)

    def note(self) -> None:
        """Say once that there is something to keep; call it after whatever may change bindings."""
        if not self._due and self._registrar.changed:
            if self._wanted:
                self._due = True
                self._outputs.append(KeepDue())
            else:
                self._registrar.changed.clear()

    def changes(self, most: int = _AT_ONCE) -> list[Row]:
        """What has changed since the last call, of at most `most` users; see `more`."""
        self._due = False
        changed = self._registrar.changed
        rows: list[Row] = []
        while changed and len(rows) < most:
            aor = changed.pop()
            bindings = self._registrar.of(aor)
            key = PREFIX + aor.decode("latin-1")
            rows.append((key, *kept(bindings, self._dates)) if bindings else (key, None, None))
            for each in bindings:
                each.kept = each.expires
        return rows

    @property
    def more(self) -> bool:
        """Whether there is something to keep."""
        return bool(self._registrar.changed)

    def restore(self, rows: Iterable[tuple[str, bytes]], now: float, secret: bytes | None = None) -> tuple[int, int]:
        """Take bindings back after a restart; how many there are, and how many values could not be used.

        Not those of users or domains that are not of this node any more. `secret` is that of temporary GRUUs.
        """
        if secret is not None:
            self._registrar.gruu_secret(secret)
        taken = unusable = 0
        for key, value in rows:
            aor = key.removeprefix(PREFIX).encode("latin-1", "replace")
            user, _, domain = aor.rpartition(b"@")
            try:
                bindings = restored(aor, value, self._dates, self._udp, now)
            except ValueError:
                unusable += 1
                continue
            if domain not in self._domains:
                continue
            for binding in bindings:
                # The wall clock may have been set back meanwhile.
                binding.expires = min(binding.expires, now + self._longest)
                if (binding.zone is not None or not self._users or user in self._users) and self._registrar.room:
                    self._registrar.add(binding)
                    taken += 1
        self._registrar.changed.clear()
        return taken, unusable


def kept(bindings: list[Binding], dates: Dates) -> tuple[bytes, float]:
    """The value for the bindings of one user, and when the last of them expires (seconds of the Unix epoch)."""
    rows = [
        {
            "uri": each.uri.decode("latin-1"),
            "call_id": each.call_id.decode("latin-1"),
            "cseq": each.cseq,
            "expires": round(dates.wall(each.expires), 3),
            "since": round(dates.wall(each.since), 3),
            "q": each.q,
            "instance": each.instance.decode("latin-1") if each.instance is not None else None,
            "reg_id": each.reg_id,
            "path": [value.decode("latin-1") for value in each.path],
            "zone": each.zone,
            "agent": each.agent.decode("latin-1"),
            "udp": [each.flow.local, each.flow.remote] if each.flow is not None and not each.flow.reliable else None,
        }
        for each in bindings
    ]
    return json.dumps(rows).encode(), dates.wall(max(each.expires for each in bindings))


def restored(
    aor: bytes, value: bytes, dates: Dates, udp: Callable[[Address, Address], Flow | None], now: float
) -> list[Binding]:
    """Bindings from a value of `kept` that have not expired. `udp` makes a flow of local and remote address.

    Raises `ValueError` when the value is not what `kept` makes.
    """
    try:
        found = [_binding(aor, row, dates, udp) for row in json.loads(value)]
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"no kept registration: {error!r}") from None
    return [each for each in found if each.expires > now]


def _binding(aor: bytes, row: dict[str, Any], dates: Dates, udp: Callable[[Address, Address], Flow | None]) -> Binding:
    instance = row["instance"]
    wanted = Wanted(
        row["uri"].encode("latin-1"), _whole(row["q"]), 0,
        instance.encode("latin-1") if instance is not None else None, _whole(row["reg_id"]),
    )  # fmt: skip
    flow = None
    if row["udp"] is not None:
        local, remote = row["udp"]
        flow = udp((str(local[0]), _whole(local[1])), (str(remote[0]), _whole(remote[1])))
    return Binding(
        aor, wanted, row["call_id"].encode("latin-1"), _whole(row["cseq"]), dates.monotonic(row["expires"]), flow,
        row["agent"].encode("latin-1"), path=tuple(each.encode("latin-1") for each in row["path"]), zone=row["zone"],
        since=dates.monotonic(row["since"]),
    )  # fmt: skip


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no number")
    return value
