"""Who may call in the lab: users, passwords and tones. Lab values only; every lab has its own CA and zone secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ALICE", "BOB", "CAROL", "DAVE", "TURN_PASSWORD", "TURN_USER", "USERS", "LabUser"]


@dataclass(frozen=True, slots=True)
class LabUser:
    """`node` is where the user registers; `host` the lab host of the phone; `tone` in Hz."""

    name: str
    password: str
    node: Literal["core1", "core2", "edge1"]
    host: str
    tone: int


ALICE = LabUser("alice", "alice-in-the-lab", "edge1", "phone-out", 440)
BOB = LabUser("bob", "bob-in-the-lab", "core1", "phone-in", 700)
CAROL = LabUser("carol", "carol-in-the-lab", "edge1", "peer-out", 560)
DAVE = LabUser("dave", "dave-in-the-lab", "core1", "peer-in", 880)
TURN_USER, TURN_PASSWORD = "turn-lab", "turned-in-the-lab"
USERS = (ALICE, BOB, CAROL, DAVE)
