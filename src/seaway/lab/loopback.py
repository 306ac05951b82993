"""The pair on one machine's loopback addresses, for a look without root. No zones, so no firewall means anything here.

The phones stand at 127.0.0.1, which the deployment counts as inside, because both nodes see them there.
"""

from __future__ import annotations

__all__ = ["LOOPBACK_DEPLOYMENT", "LOOPBACK_EDGE", "LOOPBACK_PROXY"]

LOOPBACK_EDGE = "127.0.3.20"
LOOPBACK_PROXY = "127.0.1.10:5060"
LOOPBACK_DEPLOYMENT = """name = "loopback"
size = "small"
version = "X15.0"
domain = "example.test"

[services]
pair = true
sip_calls = true

[[node]]
name = "core1"
role = "core"
fqdn = "core1.example.test"
[node.nic.inner]
address = "127.0.1.10/24"

[[node]]
name = "edge1"
role = "edge"
fqdn = "edge1.example.test"
[node.nic.inner]
address = "127.0.2.20/24"
[node.nic.outer]
address = "127.0.3.20/24"

[hosts]
admin_pc = ["127.0.1.5"]
internal_dns = ["127.0.1.53"]
internal_ntp = ["127.0.1.53"]
sip_endpoint = ["127.0.1.0/24", "127.0.0.1"]

[[firewall]]
name = "inner"
between = ["internal", "dmz"]

[[firewall]]
name = "outer"
between = ["dmz", "internet"]
"""
