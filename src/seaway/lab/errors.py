"""What can go wrong in the lab: one exception with fields, shown as one line."""

from __future__ import annotations

__all__ = ["LabError"]


class LabError(Exception):
    """`what` failed `where`; `remedy` says what to do (may be empty)."""

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.remedy}" if self.remedy else text
