"""The edge proxy's part of a registration: REGISTER goes on to the node that keeps the registrations of its domain.

With a Path value that leads back over the phone's own flow (RFC 3327 §5.2, RFC 5626 §5.1). Nothing is kept here.
"""

from __future__ import annotations

from seaway.call.admission import Admission, Refusal
from seaway.call.paths import Paths
from seaway.call.zones import Zones
from seaway.core.sip.context import Context, Target
from seaway.core.sip.io import Flow
from seaway.core.sip.proxy import Proxy
from seaway.core.sip.registration import option_tags, read_path
from seaway.wire.sip.nameaddr import parse_contacts

__all__ = ["Passing"]


class Passing:
    """Of one node. `strict`: only for phones that say that they support Path, else 421."""

    def __init__(self, zones: Zones, paths: Paths, admission: Admission, proxy: Proxy, strict: bool) -> None:
        self._zones = zones
        self._paths = paths
        self._admission = admission
        self._proxy = proxy
        self._strict = strict

    def forward(self, context: Context, name: str, now: float) -> Refusal | None:
        """Send an authenticated REGISTER over the traversal zone `name`. Raises `SipError` for an unreadable Path."""
        request, flow = context.request, context.flow
        supported = option_tags(request, b"supported")
        if self._strict and b"path" not in supported:
            return Refusal(421, "the phone does not support Path", ((b"Require", b"path"),))
        where, why = self._where(name)
        if where is None:
            return Refusal(503, why, ((b"Retry-After", b"10"),))
        if b"path" in request.names:
            read_path(request)  # what we send on must be readable
        first_hop = request.names.count(b"via") == 1 and b"," not in (request.get(b"via") or b"")
        outbound = first_hop and b"outbound" in supported and b"reg-id" in (request.get(b"contact") or b"")
        self._admission.clean(request)
        value = self._proxy.path_value(where, self._paths.flow_payload(flow), outbound)
        at = request.names.index(b"path") if b"path" in request.names else len(request.names)
        request.insert(at, b"path", b"Path: " + value)
        if b"path" not in supported:
            request.insert(len(request.names), b"supported", b"Supported: path")
        identities = self._admission.identities
        identities.take(context)
        self._proxy.forward(
            context, [identities.told(context, self._zones.named(name), Target(request.uri, where))], now
        )
        return None

    def accepted(self, context: Context) -> None:
        """The registrar has taken a REGISTER that came on a stream: calls of its contacts may go on there."""
        request = context.request
        if context.user is None or b"contact" not in request.names:
            return
        contacts = parse_contacts(request.all(b"contact"))
        if contacts != "*":
            for each in contacts:
                self._paths.returning.note(each.uri, context.user, context.flow)

    def _where(self, name: str) -> tuple[Flow | None, str]:
        link = self._zones.links.get(name)
        if link is None:
            return None, f"there is no zone {name}"
        return link.flow, f"zone {name} is {link.machine.state.value}: {link.machine.reason}"
