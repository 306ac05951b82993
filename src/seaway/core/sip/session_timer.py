"""Session timers of one dialog (RFC 4028): what is asked for, what was agreed, who refreshes and when it is over."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.core.sip.dialog import option_tags
from seaway.wire.digits import parse_digits
from seaway.wire.errors import WireError
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.message import Message, Request, Response

__all__ = ["MINIMUM", "SessionTimer", "TimerWishes", "min_se", "session_expires"]

MINIMUM = 90  # seconds, RFC 4028 §4
_MAX = 2**31 - 1
_LONGEST = 86_400  # seconds; a peer that wants more gets no session at all


@dataclass(frozen=True, slots=True)
class TimerWishes:
    """What a node wants, in seconds: `interval` 0 asks for no timer (one that the peer asks for is still kept)."""

    interval: int = 1800
    minimum: int = MINIMUM


def session_expires(message: Message) -> tuple[int, bytes | None] | None:
    """Session-Expires as (seconds, b"uac", b"uas" or `None`); `None` when absent. Raises `SipError` (400)."""
    value = message.get(b"session-expires")
    if value is None:
        return None
    number, _, rest = value.partition(b";")
    refresher = None
    for part in rest.split(b";"):
        name, _, text = part.partition(b"=")
        if name.strip().lower() == b"refresher":
            refresher = text.strip().lower()
    return _seconds(number, "Session-Expires"), refresher if refresher in (b"uac", b"uas") else None


def min_se(message: Message) -> int | None:
    """Min-SE in seconds, `None` when absent. Raises `SipError` (400)."""
    value = message.get(b"min-se")
    return None if value is None else _seconds(value.partition(b";")[0], "Min-SE")


def _seconds(text: bytes, name: str) -> int:
    try:
        return parse_digits(text.strip(), maximum=_MAX)
    except WireError as error:
        raise SipError(f"{name}: {error.what}", section="RFC 4028 §4") from None


class SessionTimer:
    """`interval` is the agreed one in seconds, 0: there is none. `ours`: we refresh. `since`: when it was refreshed."""

    __slots__ = ("_asked", "_floor", "_wishes", "interval", "ours", "since")

    def __init__(self, wishes: TimerWishes) -> None:
        self._wishes = wishes
        self._floor = wishes.minimum  # the highest Min-SE seen
        self._asked = wishes.interval
        self.interval = 0
        self.ours = False
        self.since = 0.0

    # -- we are the UAC of INVITE or UPDATE

    def request_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Session-Expires and Min-SE of our request (RFC 4028 §7.1); `Supported: timer` is the caller's to add."""
        interval = self.interval or self._asked
        if not interval:
            return ()
        interval = max(interval, self._floor)
        value = b"%d" % interval
        if self.interval:  # a refresh keeps the roles (§7.4): we send it, so the UAC refreshes when that is us
            value += b";refresher=" + (b"uac" if self.ours else b"uas")
        self._asked = interval
        headers: tuple[tuple[bytes, bytes], ...] = ((b"Session-Expires", value),)
        return (*headers, (b"Min-SE", b"%d" % self._floor)) if self._floor > MINIMUM else headers

    def too_small(self, response: Response) -> bool:
        """A 422 came: take its Min-SE; true when it is worth another try (RFC 4028 §7.3)."""
        try:
            wanted = min_se(response)
        except SipError:
            return False
        if wanted is None or not max(self._asked, self.interval) < wanted <= _LONGEST:
            return False
        self._floor = self._asked = wanted
        if self.interval:
            self.interval = wanted
        return True

    def accepted(self, response: Response, now: float) -> None:
        """A 2xx to our request (RFC 4028 §7.2). Without Session-Expires, or with one that cannot be read, the peer
        knows no timer: we refresh alone."""
        try:
            found = session_expires(response)
        except SipError:
            found = None
        self.since = now
        if found is None:
            self.interval, self.ours = self._asked, bool(self._asked)
            return
        self.interval, self.ours = max(found[0], MINIMUM), found[1] != b"uas"

    # -- we are the UAS

    def refusal(self, request: Request) -> int | None:
        """The Min-SE to answer 422 with, or `None` (RFC 4028 §9): only to a peer that knows timers. Raises `SipError`
        when Session-Expires or Min-SE cannot be read: ask before `answer`."""
        found = session_expires(request)
        min_se(request)
        if found is None or found[0] >= self._wishes.minimum or b"timer" not in option_tags(request, b"supported"):
            return None
        return self._wishes.minimum

    def answer(self, request: Request, now: float) -> tuple[tuple[bytes, bytes], ...]:
        """Agree on what `request` asks for; the headers of our 2xx (RFC 4028 §9, table 2)."""
        found = session_expires(request)
        knows = b"timer" in option_tags(request, b"supported")
        self._floor = max(self._floor, min_se(request) or 0)
        wanted = self._wishes.interval
        if found is not None:
            # Never more than was asked, never below Min-SE; below 90 s only somebody asks who knows no timers.
            interval = max(min(found[0], max(wanted or found[0], self._floor)), MINIMUM)
        else:
            interval = max(wanted, self._floor) if wanted else 0
        self.since = now
        if not interval:
            self.interval, self.ours = 0, False
            return ()
        by_uac = knows and (found is None or found[1] != b"uas")
        self.interval, self.ours = interval, not by_uac
        role = b"uac" if by_uac else b"uas"
        headers: tuple[tuple[bytes, bytes], ...] = ((b"Session-Expires", b"%d;refresher=%b" % (interval, role)),)
        return (*headers, (b"Require", b"timer")) if by_uac else headers

    # -- time

    @property
    def deadline(self) -> float | None:
        """When to refresh (half of the interval), or, when the peer refreshes, when the session is over: the interval
        less 32 s or a third, whichever is smaller (RFC 4028 §10). `None`: no timer."""
        if not self.interval:
            return None
        if self.ours:
            return self.since + self.interval / 2
        return self.since + self.interval - min(32.0, self.interval / 3)
