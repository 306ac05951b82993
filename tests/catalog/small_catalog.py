"""A catalog of a few hand-written rows, so that these tests do not depend on the data files."""

from __future__ import annotations

from seaway.catalog.load import Catalog, build_catalog

ROWS = """
chapter = 6

[[row]]
id = "T5-04"
section = "s"
purpose = "DNS lookups"
feature = "pair"
source = { entity = "core", ports = "30000-35999", setting = "client.source" }
destination = { entity = "internal_dns", ports = "53" }
transport = "udp+tcp"

[[row]]
id = "T6-01"
section = "s"
purpose = "Admin by SSH"
feature = "pair"
source = { entity = "admin_pc", ports = "1024-65535" }
destination = { entity = "edge.private", ports = "22|5022", setting = "ssh.admin" }
transport = "tcp"

[[row]]
id = "T6-04"
section = "s"
purpose = "DNS inside"
feature = "pair"
group = "edge-dns"
choice = "internal"
source = { entity = "edge.private", ports = "30000-35999", setting = "client.source" }
destination = { entity = "internal_dns", ports = "53" }
transport = "udp+tcp"

[[row]]
id = "T6-05"
section = "s"
purpose = "DNS outside"
feature = "pair"
group = "edge-dns"
choice = "external"
source = { entity = "edge.public", ports = "30000-35999", setting = "client.source" }
destination = { entity = "external_dns", ports = "53" }
transport = "udp+tcp"

[[row]]
id = "T8-01"
section = "s"
purpose = "IPsec"
feature = "cluster_pre_x8_8"
until = "<X8.8"
source = { entity = "peer.this", ports = "n/a" }
destination = { entity = "peer.other", ports = "n/a" }
transport = "ip/51"

[[row]]
id = "T9-02"
section = "s"
purpose = "Cluster communication"
feature = "cluster"
since = "X8.8"
source = { entity = "peer.this", ports = "30000-35999", setting = "client.source" }
destination = { entity = "peer.other", ports = "4372" }
transport = "tls"

[[row]]
id = "T11-01"
section = "s"
purpose = "SIP through the traversal zone"
feature = "sip_calls"
source = { entity = "core", ports = "25000-29999", setting = "sip.source" }
destination = { entity = "edge", ports = "7001", setting = "traversal.sip" }
transport = "tcp|tls"
preferred = "tls"

[[row]]
id = "T11-03"
section = "s"
purpose = "SIP to an inside endpoint"
feature = "sip_calls"
source = { entity = "core", ports = "25000-29999", setting = "sip.source" }
destination = { entity = "sip_endpoint", ports = ">=1024" }
transport = "tcp|tls"
preferred = "tls"

[[row]]
id = "T11-04"
section = "s"
purpose = "SIP to a remote endpoint"
feature = "sip_calls"
source = { entity = "edge", ports = "25000-29999", setting = "sip.source" }
destination = { entity = "sip_endpoint.remote", ports = ">=1024" }
transport = "tcp|tls"
preferred = "tls"

[[row]]
id = "T11-05"
section = "s"
purpose = "SIP from a remote endpoint, UDP"
feature = "sip_calls"
default_on = false
requires = ["sip.edge_udp"]
source = { entity = "sip_endpoint.remote", ports = ">=1024" }
destination = { entity = "edge", ports = "5060" }
transport = "udp"

[[row]]
id = "T11-07"
section = "s"
purpose = "SIP from a remote endpoint, TLS"
feature = "sip_calls"
requires = ["sip.edge_tls"]
source = { entity = "sip_endpoint.remote", ports = ">=1024" }
destination = { entity = "edge", ports = "5061" }
transport = "tls"

[[row]]
id = "T11-09"
section = "s"
purpose = "RTP, core to edge"
feature = "sip_calls"
anomalies = ["U-01"]
source = { entity = "core", ports = "36000-59999", used = "36000-59998/even", setting = "media.even" }
destination = { entity = "edge", ports = "small,medium: 2776|36000; large: 36000-36010/even", setting = "demux.rtp" }
transport = "udp"

[[row]]
id = "T11-10"
section = "s"
purpose = "RTCP, core to edge"
feature = "sip_calls"
anomalies = ["U-01"]
source = { entity = "core", ports = "36000-59999", used = "36001-59999/odd", setting = "media.odd" }
destination = { entity = "edge", ports = "small,medium: 2777|36001; large: 36001-36011/odd", setting = "demux.rtcp" }
transport = "udp"

[[row]]
id = "T11-11"
section = "s"
purpose = "RTP, remote to edge"
feature = "sip_calls"
opens = "one-way"
anomalies = ["U-02"]
source = { entity = "sip_endpoint.remote", ports = ">=1024" }
destination = { entity = "edge", ports = "36000-59999", used = "36000-59998/even", setting = "media.even" }
transport = "udp"

[[row]]
id = "T11-13"
section = "s"
purpose = "RTP, edge to remote"
feature = "sip_calls"
opens = "one-way"
anomalies = ["U-01"]
source = { entity = "edge", ports = "36000-59999", used = "36000-59998/even", setting = "media.even" }
destination = { entity = "sip_endpoint.remote", ports = ">=1024" }
transport = "udp"

[[row]]
id = "T11-14"
section = "s"
purpose = "TURN control"
feature = "turn"
source = { entity = "any", ports = ">=1024" }
destination = { entity = "edge", ports = "small,medium: 3478; large: 3478-3483", setting = "turn" }
transport = "udp+tcp"

[[row]]
id = "T11-15"
section = "s"
purpose = "TURN control from the core"
feature = "turn"
source = { entity = "core", ports = ">=1024" }
destination = { entity = "edge", ports = "small,medium: 3478; large: 3478-3483", setting = "turn" }
transport = "udp+tcp"

[[row]]
id = "T11-16"
section = "s"
purpose = "TURN relay out"
feature = "turn"
source = { entity = "edge", ports = "24000-29999", setting = "relay" }
destination = { entity = "any", ports = ">=1024" }
transport = "udp+tcp"

[[row]]
id = "T20-03"
section = "s"
purpose = "Translated guest traffic"
feature = "guest_dual_nic"
source = { entity = "web_browser", ports = "1024-65535" }
destination = { entity = "edge.external_nic", ports = "9980" }
transport = "tcp"
[row.translation]
outside_entity = "edge.public"
outside_port = 80
inside_entity = "edge.external_nic"
inside_port = 9980
at = "outer"

[[row]]
id = "T25-01"
section = "s"
purpose = "SIP through the traversal zone, Meeting Server"
feature = "sip_edge"
source = { entity = "core", ports = "25000-29999", setting = "sip.source" }
destination = { entity = "edge", ports = "7001", setting = "traversal.sip" }
transport = "tcp|tls"
preferred = "tls"

[[row]]
id = "T29-01"
section = "s"
purpose = "SNMP polling"
feature = "snmp"
source = { entity = "snmp_manager", ports = "1024-65535" }
destination = { entity = "core", ports = "161" }
transport = "udp"
"""

ANOMALIES = """
[U-01]
what = "parity"
field = "source.ports"
why = "RTP even, RTCP odd"

[U-02]
what = "parity"
field = "destination.ports"
why = "RTP even, RTCP odd"
"""

SMALL: Catalog = build_catalog({"chapter06.toml": ROWS, "anomalies.toml": ANOMALIES})
