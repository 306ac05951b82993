"""The vocabulary of the catalog besides ports and entities: features, settings, switches, groups of alternatives.

A row names one feature (the service that needs it), the settings that move its ports, the switches that it requires,
and its group when only one of several rows is used. A deployment turns features and switches on and gives values to
settings; the loader refuses rows that use a name which is not here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FEATURES", "GROUPS", "SETTINGS", "SWITCHES", "Feature", "Setting"]


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    summary: str
    builds_on: tuple[str, ...] = ()  # features that must be on as well


@dataclass(frozen=True, slots=True)
class Setting:
    """A name that moves a port expression. `default` is in the port grammar; `None` when there is none."""

    name: str
    default: str | None
    summary: str


def _features(*features: Feature) -> dict[str, Feature]:
    return {each.name: each for each in features}


FEATURES = _features(
    Feature("default_ranges", "Defaults of port settings; makes no connection by itself."),
    Feature("single", "A core alone: administration, name resolution, clock."),
    Feature("pair", "A traversal pair of core and edge: administration, name resolution, clock of both."),
    Feature("licensing_direct", "Licence requests straight to the licensing cloud."),
    Feature("licensing_onprem", "Licence requests to a licence manager on the premises."),
    Feature("licensing_proxy", "Licence requests through a proxy."),
    Feature("mail", "Notifications by mail."),
    Feature("cluster_pre_x8_8", "Clusters of releases before X8.8, which protect peer traffic with IPsec."),
    Feature("cluster", "Clusters of two or more peers of one role."),
    Feature("cluster_sip", "SIP calls that pass from one cluster peer to another.", ("cluster",)),
    Feature(
        "sip_calls",
        "SIP calls across the traversal pair, with endpoints registered at either node.",
        ("pair",),
    ),
    Feature("h323_calls", "H.323 calls across the traversal pair.", ("pair",)),
    Feature("turn", "TURN server of the edge for SIP calls, used by endpoints and by the core.", ("sip_calls",)),
    Feature("call_policy", "Decisions on calls by a policy service.", ("pair",)),
    Feature("tms", "Management by a TMS server, events fed back to it."),
    Feature("ldap", "Logins checked against a directory."),
    Feature("mra", "Mobile and remote access: company clients outside, without a VPN.", ("pair",)),
    Feature("mra_ice", "Direct media between two remote clients, candidates found with TURN.", ("mra",)),
    Feature(
        "mra_cloud",
        "Cloud requests of call manager and presence servers that leave through the edge.",
        ("mra",),
    ),
    Feature("guest_dual_nic", "Guest calls from a browser, edge with two interfaces.", ("pair",)),
    Feature(
        "guest_single_nic",
        "Guest calls from a browser, edge with one interface behind static NAT.",
        ("pair",),
    ),
    Feature("ms_gateway", "Calls with Microsoft clients through a gateway node."),
    Feature("ms_federation", "Presence and chat federation with Microsoft domains over SIP.", ("pair",)),
    Feature("web_proxy", "Meeting guests in a browser: the edge is the web proxy of a Meeting Server.", ("pair",)),
    Feature("sip_edge", "Meeting Server calls with standards-based SIP endpoints outside.", ("pair",)),
    Feature("sip_edge_ms", "Meeting Server calls with Microsoft clients outside.", ("pair",)),
    Feature("ms_point_to_point", "Calls between Microsoft clients outside and call manager endpoints.", ("pair",)),
    Feature("xmpp_federation", "Chat and presence with other XMPP domains.", ("pair",)),
    Feature("snmp", "Polling by an SNMP manager."),
    Feature("metrics", "System figures sent to a collector."),
    Feature("syslog", "Log lines sent to a remote server."),
    Feature("acme", "Certificates of the edge fetched and renewed with ACME.", ("pair",)),
)


def _settings(*settings: Setting) -> dict[str, Setting]:
    return {each.name: each for each in settings}


_DEMUX = "small,medium: 2776-2777|36000-36001; large: 36000-36011"
_DEMUX_RTP = "small,medium: 2776|36000; large: 36000-36010/even"
_DEMUX_RTCP = "small,medium: 2777|36001; large: 36001-36011/odd"

SETTINGS = _settings(
    Setting("media", "36000-59999", "RTP and RTCP; a part of the default, starting at an even port (R-11)"),
    Setting("media.even", "36000-59998/even", "RTP half of `media` (R-22)"),
    Setting("media.odd", "36001-59999/odd", "RTCP half of `media` (R-22)"),
    Setting("media.first12", "36000-36011", "the first 12 ports of `media`: demultiplexing of a large edge (R-17)"),
    Setting("demux", _DEMUX, "demultiplexing ports of the edge; small and medium: the pair in use (R-14 to R-18)"),
    Setting("demux.rtp", _DEMUX_RTP, "RTP half of `demux`, even ports (R-21)"),
    Setting("demux.rtcp", _DEMUX_RTCP, "RTCP half of `demux`, odd ports (R-21)"),
    Setting("turn", "small,medium: 3478; large: 3478-3483", "TURN requests: 443 or from 1024 up (R-07, R-08)"),
    Setting("turn.tcp443", "443", "TURN requests on the HTTPS port; only with the switch of this name (R-09)"),
    Setting("relay", "24000-29999", "relayed addresses that TURN allocates (R-10)"),
    Setting("traversal.sip", "7001", "SIP traversal zone; zone n of the edge listens on n-1 more (R-19)"),
    Setting("traversal.h323", "6001", "H.323 traversal zone, counted likewise (R-20)"),
    Setting("sip.source", "25000-29999", "source ports of outgoing SIP over TCP and TLS (R-06)"),
    Setting("client.source", "30000-35999", "source ports of other outgoing TCP and UDP requests (R-05)"),
    Setting("h323.source", "15000-19999", "H.225 and H.245 connections, opened or answered (S-11)"),
    Setting("sip.wss", "7443", "SIP over WebSocket, from browsers (ours, Y11)"),
    Setting("ssh.admin", "22|5022", "administration by SSH (N-03)"),
    Setting("web.admin", "443", "administration by web page; off 443 beside the web proxy (W-01)"),
    Setting("interop.media", "56000-57000", "media pool of the Microsoft interop service (X-06)"),
    Setting("mail.port", "25|587", "mail server, plain connection upgraded to TLS (N-07)"),
    Setting("mail.tls_port", "465", "mail server, TLS from the first octet (N-08)"),
    Setting("call_policy.port", "443", "policy service, HTTPS"),
    Setting("licence_proxy.port", None, "licensing proxy; its owner chooses it (N-06)"),
)

# Names that `Row.requires` may hold, with the state by default. `size=...` and `role=...` name a fact of the node.
SWITCHES: dict[str, bool] = {
    "sip.edge_udp": False,  # S-01
    "sip.edge_tcp": False,  # S-02
    "sip.edge_tls": True,
    "sip.edge_mtls": True,
    "sip.core_udp": True,
    "sip.core_tcp": True,
    "sip.core_tls": True,
    "sip.edge_wss": False,  # ours
    "sip.core_wss": False,
    "turn.tcp443": False,
    "size=small|medium": True,
    "size=large": False,
    "role=core": True,
}

# group -> its choices; the first one is used unless the deployment chooses another
GROUPS: dict[str, tuple[str, ...]] = {
    "edge-dns": ("internal", "external"),
    "edge-ntp": ("internal", "external"),
    "licensing": ("edge", "direct", "cssm", "proxy"),
    "mail": ("explicit", "implicit"),
    "ldap": ("tls", "plain"),
    "syslog": ("tls", "tcp", "udp"),
}
