"""python turn_process.py ENGINE FOLDER: Seaway's TURN process in the relay's namespace, as a supervisor would start it.

ENGINE: one of the fast paths, or `python` for none. Prints a line when it is ready; ends at SIGTERM.
"""

from __future__ import annotations

import sys
from pathlib import Path

_BENCH = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_BENCH), str(_BENCH.parent / "src")]

from dataplane.network import R_A, R_B  # noqa: E402
from seaway.catalog.resolve import resolve  # noqa: E402
from seaway.identity.ca import create_authority, issue  # noqa: E402
from seaway.media.flows import FlowTable  # noqa: E402
from seaway.observe import log  # noqa: E402
from seaway.runtime.config import load_node_config  # noqa: E402
from seaway.runtime.turn import prepare_turn, run_turn  # noqa: E402

_DEPLOYMENT = f"""\
name = "bench"
size = "large"
domain = "example.test"
[services]
pair = true
sip_calls = true
turn = true
[[node]]
name = "core1"
role = "core"
fqdn = "core1.example.test"
[node.nic.inner]
address = "10.77.3.10/24"
[[node]]
name = "edge1"
role = "edge"
fqdn = "edge1.example.test"
[node.nic.inner]
address = "{R_B}/24"
[node.nic.outer]
address = "{R_A}/24"
[hosts]
admin_pc = ["10.77.3.5"]
internal_dns = ["10.77.3.53"]
internal_ntp = ["10.77.3.53"]
sip_endpoint = ["10.77.3.0/24"]
"""
_NODE = """\
node = "edge1"
deployment = "deployment.toml"
run_dir = "run"
[tls]
ca = "ca.pem"
certificate = "edge1.pem"
key = "edge1.key"
[turn]
allow_peers = ["10.77.2.0/24"]
allocations = 20000
allocations_per_user = 20000
allocations_per_source = 20000
[[turn.user]]
name = "bench"
password = "correct-horse"
"""


def _table(engine: str, folder: Path) -> FlowTable | None:
    if engine == "python":
        return None
    if engine == "userspace":
        from seaway.runtime.fastpath.worker import Owner, WorkerTable, start_worker

        start_worker(folder / "worker.sock")
        return WorkerTable(folder / "worker.sock", Owner.TURN)
    from seaway.runtime.fastpath.kernel import TURN, KernelTable, load

    return KernelTable(load(["swra", "swrb"], engine), TURN)


def main(engine: str, where: str) -> None:
    folder = Path(where)
    folder.mkdir(parents=True, exist_ok=True)
    create_authority(folder)
    issue(folder, "edge1", ["edge1.example.test"])
    (folder / "deployment.toml").write_text(_DEPLOYMENT, encoding="utf-8")
    (folder / "node.toml").write_text(_NODE, encoding="utf-8")
    (folder / "run").mkdir(exist_ok=True)
    config, deployment = load_node_config(folder / "node.toml")
    prepared = prepare_turn(config, deployment, resolve(deployment), bytes(range(32)))
    log.configure(config.log.format, config.log.level, folder / "log")  # allocations are logged, as coturn does
    table = _table(engine, folder)
    run_turn(prepared, config.run_dir, table=table, ready=lambda: print("ready", flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
