"""What the TURN client's output means."""

from __future__ import annotations

from seaway.lab.relaying import outcome_of

_ALLOCATED = "0: : Total connect time is 0\n"
_COUNTS = (
    "2: : start_mclient: tot_send_msgs=4, tot_recv_msgs={}\n2: : Total lost packets {} (0.0%), total send dropped 0\n"
)


def test_nothing_said_is_nothing_done() -> None:
    found = outcome_of("")
    assert not found.allocated and not found.complete and found.lost is None


def test_allocated_but_without_an_echo() -> None:
    found = outcome_of(_ALLOCATED + "start_mclient: msz=1, tot_send_msgs=4, tot_recv_msgs=0, tot_send_bytes ~ 400\n")
    assert found.allocated and (found.sent, found.received) == (4, 0) and not found.complete


def test_complete_only_without_loss() -> None:
    assert outcome_of(_ALLOCATED + _COUNTS.format(4, 0)).complete
    assert not outcome_of(_ALLOCATED + _COUNTS.format(3, 1)).complete
