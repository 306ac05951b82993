"""Who can be at the end of a connection: entity tokens, their zones, and which of our nodes and interfaces they are.

Zones: `internal` is the company network behind the inner firewall, `dmz` the segments between the two firewalls where
the edge stands, `internet` everything outside the outer firewall.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ENTITIES", "ZONES", "Entity", "family"]

ZONES = ("internal", "dmz", "internet")


@dataclass(frozen=True, slots=True)
class Entity:
    """`zones` has more than one entry when the place depends on the node's role or on the deployment.

    `stated` is true when the guide's words place the entity, false when the place follows from its peers.
    `role` is set for our own nodes: "core", "edge", "gateway", "peer" (either role, one cluster), "node" (either role).
    `interface`: "inner" or "outer" interface of that node; "by-peer" is inner for peers in zone internal and outer for
    peers in zone internet; "loopback" never leaves the node. `None` for a node with one address, and for others.
    """

    token: str
    zones: tuple[str, ...]
    stated: bool
    summary: str
    role: str | None = None
    interface: str | None = None

    @property
    def node(self) -> bool:
        """One of our own nodes."""
        return self.role is not None


def family(token: str) -> str:
    """The party a token belongs to: `edge.turn.public` -> `edge`."""
    return token.partition(".")[0]


_INTERNAL, _DMZ, _INTERNET = ("internal",), ("dmz",), ("internet",)
_EITHER = ("internal", "dmz")

_NODES = (
    Entity("expressway", _EITHER, True, "One of our nodes; the row holds for core and edge alike.", "node"),
    Entity("core", _INTERNAL, False, "The inside node. It dials the traversal links, outward only.", "core"),
    Entity("edge", _DMZ, False, "The DMZ node, at the address that faces the other party.", "edge", "by-peer"),
    Entity("edge.private", _DMZ, False, "Address of the edge towards the inner firewall.", "edge", "inner"),
    Entity(
        "edge.public",
        _DMZ,
        False,
        "Address under which the internet sees the edge, NAT included.",
        "edge",
        "outer",
    ),
    Entity("edge.public_nic", _DMZ, True, "Outer interface of the edge itself.", "edge", "outer"),
    Entity("edge.internal_nic", _DMZ, True, "Inner interface of an edge with two interfaces.", "edge", "inner"),
    Entity("edge.external_nic", _DMZ, True, "Outer interface at the address behind the NAT.", "edge", "outer"),
    Entity("edge.turn", _DMZ, True, "TURN server of the edge, at the address facing the peer.", "edge", "by-peer"),
    Entity("edge.turn.public", _DMZ, True, "TURN server of the edge as the internet sees it.", "edge", "outer"),
    Entity("edge.turn.private", _DMZ, True, "TURN server of the edge, inner address.", "edge", "inner"),
    Entity("peer.this", _EITHER, False, "The cluster peer that the row is written for.", "peer"),
    Entity("peer.other", _EITHER, False, "Every other peer of that cluster; same role, same zone.", "peer"),
    Entity("gateway", _INTERNAL, False, "The node that talks to the Microsoft servers inside.", "gateway"),
    Entity("gateway.b2bua", _INTERNAL, False, "Back-to-back agent on the gateway, with its own port.", "gateway"),
    Entity("localhost", _EITHER, True, "One node talking to itself; no firewall sees it.", "node", "loopback"),
)

_INFRASTRUCTURE = (
    Entity("admin_pc", _INTERNAL, True, "Workstation of an administrator, inside only."),
    Entity("internal_dns", _INTERNAL, True, "Name server of the company network."),
    Entity("external_dns", _INTERNET, True, "Name server outside, an option for the edge."),
    Entity("internal_ntp", _INTERNAL, True, "Time server of the company network."),
    Entity("external_ntp", _INTERNET, True, "Time server outside, an option for the edge."),
    Entity("smtp_server", _INTERNAL, False, "Mail server that takes the notifications."),
    Entity("smart_receiver", _INTERNET, True, "Licensing cloud, smartreceiver.cisco.com."),
    Entity("cssm", _INTERNAL, True, "Licence manager on the premises; the user sets its address."),
    Entity(
        "licence_proxy",
        _INTERNAL,
        False,
        "Proxy towards the licensing cloud; address and port from the user.",
    ),
    Entity("tms", _INTERNAL, True, "Management server at its LAN address."),
    Entity(
        "tms.external",
        _INTERNAL,
        False,
        "Management server at its address for public systems; side not stated.",
    ),
    Entity("directory", _INTERNAL, False, "LDAP directory for login checks."),
    Entity("policy_server", _INTERNAL, False, "Decides on calls when a node asks it."),
    Entity("snmp_manager", _INTERNAL, False, "Polls nodes over SNMP."),
    Entity("analytics", _INTERNAL, False, "Collects system figures."),
    Entity("syslog_server", _INTERNAL, False, "Takes remote log lines."),
)

_SERVERS = (
    Entity("unified_cm", _INTERNAL, False, "Call manager, a node or a cluster of them."),
    Entity("imp_server", _INTERNAL, False, "Presence and chat server."),
    Entity("imp_server.publisher", _INTERNAL, False, "First node of the presence servers."),
    Entity("unity_connection", _INTERNAL, False, "Voicemail server."),
    Entity("onprem_media", _INTERNAL, True, "Whatever device inside ends the media of a remote client."),
    Entity("jabber_guest_server", _INTERNAL, False, "Server of browser guest calls."),
    Entity("meeting_server", _INTERNAL, False, "Conference server."),
    Entity("cisco_media_target", _INTERNAL, True, "Inside party of a Microsoft call: bridge, endpoint or proxy."),
)

_MICROSOFT = (
    Entity("lync_fe", _INTERNAL, False, "Lync front end."),
    Entity("lync_client", _INTERNAL, True, "Lync client inside."),
    Entity("ms_client", _INTERNET, False, "Microsoft client outside, as its own Edge server sees it."),
    Entity("ms_client.remote", _INTERNET, True, "Microsoft client outside, or the firewall before it."),
    Entity("ms_edge", _DMZ, True, "Microsoft Edge server, the other TURN server of the DMZ."),
    Entity("ms_media_peer", ("internet", "dmz"), False, "Far end of relayed media: reflexive or relayed address."),
    Entity("ms_federated_domain", _INTERNET, True, "Servers of a partner domain that runs Microsoft software."),
)

_ENDPOINTS = (
    Entity("sip_endpoint", _INTERNAL, False, "SIP phone or room system inside."),
    Entity("sip_endpoint.remote", _INTERNET, False, "SIP endpoint outside, or the firewall before it."),
    Entity("h323_endpoint", _INTERNET, True, "H.323 endpoint with an internet address."),
    Entity("h323_endpoint.registered", _INTERNET, True, "H.323 endpoint with an internet address that registers."),
    Entity("remote_fw", _INTERNET, True, "Firewall before an H.323 endpoint, seen from outside."),
    Entity("remote_fw.assent", _INTERNET, True, "The same, endpoint speaks Assent."),
    Entity("remote_fw.h46018", _INTERNET, True, "The same, endpoint speaks H.460.18 and H.460.19."),
    Entity("remote_fw.h460_mux", _INTERNET, True, "The same, H.460.19 with one media port for many calls."),
    Entity("remote_fw.h460_nomux", _INTERNET, True, "The same, H.460.19 with media ports of their own."),
    Entity("offprem_endpoint", _INTERNET, True, "Company client outside (mobile and remote access)."),
    Entity("web_browser", _INTERNET, False, "Browser of a guest caller."),
    Entity("guest_pc", _INTERNET, False, "Computer of a meeting guest."),
    Entity("webrtc_app", _INTERNET, False, "Meeting application in a guest's browser."),
    Entity("any", ("internet", "internal"), True, "Any address: TURN clients and the far sides of relays."),
)

_PARTNERS = (
    Entity("webex_fos", _INTERNET, True, "Cloud onboarding service, fos-a.wbx2.com."),
    Entity("webex_idbroker", _INTERNET, True, "Cloud identity service, idbroker.webex.com."),
    Entity("xmpp_server", _INTERNET, True, "XMPP server of a partner domain."),
    Entity("acme_provider", _INTERNET, True, "Certificate provider; its addresses cannot be known ahead."),
)

ENTITIES: dict[str, Entity] = {
    each.token: each
    for group in (_NODES, _INFRASTRUCTURE, _SERVERS, _MICROSOFT, _ENDPOINTS, _PARTNERS)
    for each in group
}
