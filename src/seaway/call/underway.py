"""What a node is at, for overload control: which messages belong to work it has taken on, and how much that is."""

from __future__ import annotations

from seaway.call.b2bua.agent import B2bua
from seaway.core.sip.layer import TransactionLayer

__all__ = ["Underway"]


class Underway:
    """A look at the transactions and dialogs of one node."""

    def __init__(self, layer: TransactionLayer, b2bua: B2bua) -> None:
        self._layer = layer
        self._b2bua = b2bua

    def knows(self, key: bytes) -> bool:
        """Whether a request with this transaction key has been received and is still remembered."""
        return self._layer.knows(key)

    def filled(self) -> float:
        """Share of the room for transactions that is in use."""
        return self._layer.filled

    def has_dialog(self, call_id: bytes) -> bool:
        """Whether this node ends a call with that Call-ID itself. Proxied dialogs leave no trace but their tokens."""
        return self._b2bua.holds(call_id)
