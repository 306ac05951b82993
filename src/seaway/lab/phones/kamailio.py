"""Kamailio in the lab as the far end of a trunk: it hands calls of the core to a phone, and the phone's to the core.

It listens on UDP and TCP 5060 and on TLS 5061 with a certificate of its own, and verifies the core's.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from seaway.lab.errors import LabError

__all__ = ["Kamailio"]

_CONFIG = """#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
enable_tls=yes
tcp_connection_lifetime=60
listen=udp:{address}:5060
listen=tcp:{address}:5060
listen=tls:{address}:5061
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{tls}/{name}.pem")
modparam("tls", "private_key", "{tls}/{name}.key")
modparam("tls", "ca_list", "{tls}/ca.pem")
modparam("tls", "verify_certificate", 1)
modparam("rr", "enable_full_lr", 1)

request_route {{
    if (loose_route()) {{
        t_relay();
        exit;
    }}
    if (!is_method("INVITE|CANCEL")) {{
        if (!is_method("ACK")) sl_send_reply("200", "OK");
        exit;
    }}
    if (is_method("CANCEL")) {{
        t_relay();
        exit;
    }}
    record_route();
    if ($si == "{core}") {{
        $ru = "sip:{phone}";
    }} else if ($rU =~ "^tls-") {{
        $rU = $(rU{{s.substr,4,0}});
        $du = "sip:{core}:5061;transport=tls";
    }} else if ($rU =~ "^tcp-") {{
        $rU = $(rU{{s.substr,4,0}});
        $du = "sip:{core}:5060;transport=tcp";
    }}
    t_relay();
}}
"""


class Kamailio:
    """`name` has a certificate in the folder `tls`. `phone` is user@address:port of the phone behind it."""

    def __init__(
        self,
        name: str,
        address: str,
        core: str,
        phone: str,
        tls: Path,
        directory: Path,
        start: Callable[[list[str], Path], subprocess.Popen[bytes]],
    ) -> None:
        self.name, self._start, self._dir = name, start, directory
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        text = _CONFIG.format(name=name, address=address, core=core, phone=phone, tls=tls)
        (directory / "kamailio.cfg").write_text(text)

    def launch(self) -> None:
        """Begin to start; `ready` waits."""
        log = self._dir / "log"
        log.unlink(missing_ok=True)
        command = [
            "kamailio",
            "-DD",
            "-E",
            "-m",
            "32",
            "-M",
            "8",
            "-f",
            str(self._dir / "kamailio.cfg"),
            "-Y",
            str(self._dir),
        ]
        self._process = self._start([*command, "-P", str(self._dir / "pid")], log)

    def ready(self, answers: Callable[[], bool], patience: float = 6.0) -> None:
        """Wait until `answers()`: its port is open. Raises LabError."""
        limit = time.monotonic() + patience
        while not answers():
            if self._process is None or self._process.poll() is not None or time.monotonic() > limit:
                text = (self._dir / "log").read_text(errors="replace").strip().splitlines()
                raise LabError(f"Kamailio does not start: {text[-1:] or 'no output'}", f"peer {self.name}")
            time.sleep(0.05)

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def close(self) -> None:
        """End it with its children."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
