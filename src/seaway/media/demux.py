"""The answering side of the media probe: who may bind a flow at a demultiplexing port (docs/traversal-media.md).

A datagram without a valid credential is dropped in silence: no state, no answer, nothing to amplify.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.core.traversal.probe import CONSENT_LIFETIME
from seaway.core.traversal.probe_message import decode_probe, encode_answer, encode_unknown
from seaway.media.legs import ComponentState, DemuxPair, PortKey
from seaway.media.protocol import Address

__all__ = ["Answer", "answer_probe", "unbind"]


@dataclass(frozen=True, slots=True)
class Answer:
    data: bytes
    component: ComponentState
    moved: bool  # the flow is bound to a new source
    lost: ComponentState | None = None  # the component that had this source before


def answer_probe(pair: DemuxPair, port: PortKey, data: bytes, source: Address, now: float) -> Answer | None:
    """Bind the flow when `data` is a valid probe for a leg of this pair; `None`: drop it."""
    probe = decode_probe(data)
    if probe is None or (leg := pair.legs.get(probe.user)) is None or not probe.message.has_integrity(leg.key):
        return None
    component = leg.rtp if port == pair.rtp else leg.rtcp
    if probe.sequence <= component.sequence:
        return None  # late or replayed
    component.sequence = probe.sequence
    if probe.unknown_required:
        return Answer(encode_unknown(probe, leg.key), component, moved=False)
    moved, before = component.remote != source, None
    if moved:
        unbind(pair, component)
        flows = pair.flows[port]
        if (before := flows.get(source)) is not None:
            before.remote = None  # the core reuses the port for another call
        flows[source] = component
        component.remote = source
    component.consent_ends = now + CONSENT_LIFETIME
    return Answer(encode_answer(probe, source, leg.key), component, moved, before)


def unbind(pair: DemuxPair, component: ComponentState) -> None:
    """Forget the flow: nothing is sent to its source and nothing accepted from it until the next valid probe."""
    if component.remote is not None:
        flows = pair.flows[component.local]
        if flows.get(component.remote) is component:
            del flows[component.remote]
        component.remote = None
