"""Who may register: allow and deny lists of patterns over the address-of-record of one domain. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from seaway.policy.patterns import MAX_ALIAS, Matcher, PatternType

__all__ = ["RegistrationAccess"]


class RegistrationAccess:
    """With `allow` patterns one of them must match; none of `deny` may. Without both everybody may.

    Raises `PatternError` for a pattern that cannot be used.
    """

    def __init__(
        self, allow: Iterable[tuple[PatternType, str]] = (), deny: Iterable[tuple[PatternType, str]] = ()
    ) -> None:
        self._allow = [Matcher(type, pattern) for type, pattern in allow]
        self._deny = [Matcher(type, pattern) for type, pattern in deny]

    def problem(self, aor: bytes) -> str | None:
        """Why `aor` may not register; `None`: it may."""
        if not self._allow and not self._deny:
            return None
        try:
            alias = aor.decode("utf-8")
        except UnicodeDecodeError:
            return "it is no UTF-8"
        if len(aor) > MAX_ALIAS:
            return f"it is longer than {MAX_ALIAS} octets"
        if any(each.apply(alias) is not None for each in self._deny):
            return "the deny list has it"
        if self._allow and not any(each.apply(alias) is not None for each in self._allow):
            return "the allow list does not have it"
        return None
