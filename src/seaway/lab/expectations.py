"""What must break when the rules of one row are taken away, and nothing else. The table of the proof.

A feature names what a user or an administrator would notice. `IMPLIED` has what cannot work without another feature,
so the table names roots only.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["EXPECTED", "IMPLIED", "Feature", "roots"]


class Feature(StrEnum):
    NAMES_CORE = "name resolution by the core"
    NAMES_EDGE = "name resolution by the edge"
    ZONE = "traversal zone"
    REGISTRATION_OUT = "registration outside"
    REGISTRATION_IN = "registration inside"
    CALL_IN = "call from outside to inside"
    CALL_OUT = "call from inside to outside"
    AUDIO_IN = "audio from outside to inside"
    AUDIO_OUT = "audio from inside to outside"
    RTCP_IN = "RTCP from outside to inside"
    RTCP_OUT = "RTCP from inside to outside"
    TURN = "TURN from outside"
    TURN_CORE = "TURN from the core"
    RELAY_OUT = "relayed datagrams to the far side"
    RELAY_IN = "relayed datagrams from the far side"
    OUT_UDP = "registration outside over UDP"
    OUT_TCP = "registration outside over TCP"
    OUT_MTLS = "registration outside with a client certificate"
    OUT_WSS = "registration outside over WebSocket"
    IN_TCP = "registration inside over TCP"
    IN_TLS = "registration inside over TLS"
    IN_WSS = "registration inside over WebSocket"
    NEIGHBOUR_IN = "call to a neighbour inside"
    NEIGHBOUR_OUT = "call to a neighbour outside"
    MANAGER_TLS = "call to the call manager over TLS"
    MANAGER_TCP = "call to the call manager over TCP"
    FROM_MANAGER_TLS = "call from the call manager over TLS"
    FROM_MANAGER_TCP = "call from the call manager over TCP"
    BRIDGE_TLS = "call to the meeting server over TLS"
    BRIDGE_TCP = "call to the meeting server over TCP"
    BRIDGE_UDP = "call to the meeting server over UDP"
    CALL_CORE = "call to the other core"
    AUDIO_CORE = "audio between the cores"


_F = Feature
_AUDIO = frozenset({_F.AUDIO_IN, _F.AUDIO_OUT})
_RTCP = frozenset({_F.RTCP_IN, _F.RTCP_OUT})
_CALLS = frozenset({_F.CALL_IN, _F.CALL_OUT})

IMPLIED: dict[Feature, frozenset[Feature]] = {
    _F.ZONE: _CALLS,
    _F.REGISTRATION_OUT: _CALLS,
    _F.REGISTRATION_IN: _CALLS,
    # Media is measured in the call from outside to inside.
    _F.CALL_IN: _AUDIO | _RTCP,
    # The far side echoes what came to it through the relay.
    _F.TURN: frozenset({_F.RELAY_OUT, _F.RELAY_IN}),
    _F.RELAY_OUT: frozenset({_F.RELAY_IN}),
    _F.CALL_CORE: frozenset({_F.AUDIO_CORE}),
}

EXPECTED: dict[str, frozenset[Feature]] = {
    "T5-04": frozenset({_F.NAMES_CORE}),
    "T6-04": frozenset({_F.NAMES_EDGE}),
    "T10-02": frozenset({_F.CALL_CORE}),
    "T10-03": frozenset({_F.AUDIO_CORE}),
    "T11-01": frozenset({_F.ZONE}),
    "T11-02": frozenset({_F.CALL_IN}),
    "T11-03": frozenset({_F.NEIGHBOUR_IN}),
    "T11-04": frozenset({_F.NEIGHBOUR_OUT}),
    "T11-05": frozenset({_F.OUT_UDP}),
    "T11-06": frozenset({_F.OUT_TCP}),
    "T11-07": frozenset({_F.REGISTRATION_OUT}),
    "T11-08": frozenset({_F.OUT_MTLS}),
    # A flow on the demultiplexing port carries both ways: the edge answers where the core's probe came from.
    "T11-09": _AUDIO,
    "T11-10": _RTCP,
    # Both relays send only where packets came from, so without incoming media none goes out either.
    "T11-11": _AUDIO,
    "T11-12": _RTCP,
    "T11-13": frozenset({_F.AUDIO_OUT, _F.RTCP_OUT}),
    "T11-14": frozenset({_F.TURN}),
    "T11-15": frozenset({_F.TURN_CORE}),
    "T11-16": frozenset({_F.RELAY_OUT}),
    "T11-17": frozenset({_F.RELAY_IN}),
    # The same four where remote clients relay their media (ICE pass-through), and not the endpoints of SIP calls.
    "T16-06": frozenset({_F.TURN}),
    "T17-05": frozenset({_F.TURN_CORE}),
    "Y07-01": frozenset({_F.RELAY_OUT}),
    "T16-07": frozenset({_F.RELAY_IN}),
    "T25-02": frozenset({_F.BRIDGE_UDP}),
    "T25-03": frozenset({_F.BRIDGE_TLS}),
    "T27-03": frozenset({_F.BRIDGE_TCP}),
    "T27-05": frozenset({_F.MANAGER_TLS}),
    "T27-06": frozenset({_F.MANAGER_TCP}),
    "T27-07": frozenset({_F.FROM_MANAGER_TLS}),
    "T27-08": frozenset({_F.FROM_MANAGER_TCP}),
    "Y01-01": frozenset({_F.REGISTRATION_IN}),
    "Y01-02": frozenset({_F.IN_TCP}),
    "Y01-03": frozenset({_F.IN_TLS}),
    "Y01-04": frozenset({_F.AUDIO_IN}),
    "Y01-05": frozenset({_F.RTCP_IN}),
    "Y01-06": _AUDIO,
    "Y01-07": _RTCP,
    "Y11-01": frozenset({_F.OUT_WSS}),
    "Y11-02": frozenset({_F.IN_WSS}),
}


def roots(broken: frozenset[Feature]) -> frozenset[Feature]:
    """`broken` without what only follows from something else that is broken."""
    implied: set[Feature] = set()
    todo = list(broken)
    while todo:
        for each in IMPLIED.get(todo.pop(), frozenset()):
            if each not in implied:
                implied.add(each)
                todo.append(each)
    return frozenset(broken - implied)
