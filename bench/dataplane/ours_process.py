"""python ours_process.py ENGINE SHAPE FOLDER: Seaway's flow table in the relay's namespace, as the relay would fill it.
SHAPE: `rtp` (1000 flows), or `many` (4000, for the cost of adding one).

Prints one line when the flows are there: engine, number of flows, CPU us for each, reason. Ends when its input ends.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_BENCH = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_BENCH), str(_BENCH.parent / "src")]

from processes import cpu_seconds  # noqa: E402

from dataplane.flows import FLOWS, SINK, SINK_PORT, SOURCE, SOURCE_PORT  # noqa: E402
from dataplane.network import R_A, R_B  # noqa: E402
from seaway.media.flows import Flow, FlowKey, FlowTable, PortKind  # noqa: E402

FIRST_A, FIRST_B = 40000, 50000
_MANY, _PORTS = 4000, 100
_BUFFER = 4 * 1024 * 1024  # octets, as runtime/sockets.py asks for


def _table(engine: str, folder: Path) -> tuple[FlowTable, subprocess.Popen[bytes] | None]:
    if engine == "userspace":
        from seaway.runtime.fastpath.worker import Owner, WorkerTable, start_worker

        path = folder / "worker.sock"
        process = start_worker(path)
        return WorkerTable(path, Owner.RELAY), process
    from seaway.runtime.fastpath.kernel import KernelTable, load

    return KernelTable(load(["swra", "swrb"], engine), 1), None


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    made.bind((host, port))
    made.setblocking(False)
    return made


def _ports(shape: str) -> Iterator[tuple[str, int, PortKind]]:
    count = _PORTS if shape == "many" else FLOWS
    for index in range(count):
        yield R_A, FIRST_A + index, PortKind.PLAIN
        yield R_B, FIRST_B + index, PortKind.PLAIN


def _flows(shape: str) -> Iterator[Flow]:
    if shape == "many":
        for index in range(_MANY):
            port, phone = index % _PORTS, 2000 + index // _PORTS
            yield Flow(FlowKey((R_A, FIRST_A + port), (SOURCE, phone)), (R_B, FIRST_B + port), (SINK, phone))
        return
    for index in range(FLOWS):
        remote, out, peer = (SOURCE, SOURCE_PORT + index), (R_B, FIRST_B + index), (SINK, SINK_PORT + index)
        yield Flow(FlowKey((R_A, FIRST_A + index), remote), out, peer)


def main(engine: str, shape: str, folder: str) -> None:
    table, worker = _table(engine, Path(folder))
    sockets = []
    for host, port, kind in _ports(shape):
        made = _bound(host, port)
        sockets.append(made)
        table.attach(made, kind)
    flows = list(_flows(shape))
    others = [] if worker is None else [worker.pid]
    before = time.process_time() + cpu_seconds(others)
    for each in flows:
        table.add(each)
    cpu = time.process_time() + cpu_seconds(others) - before
    print(table.engine, len(table.keys()), cpu / len(flows) * 1e6, table.reason, sep="\t", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
