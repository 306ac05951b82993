"""Real nodes as processes on loopback: start, state, restart of a child, stop, and errors as one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.runtime.rig import CORE, DEPLOYMENT, EDGE_OUTER, certificates

TLS = '[tls]\nca = "tls/ca.pem"\ncertificate = "tls/{node}.pem"\nkey = "tls/{node}.key"\n'
ZONE = '[[traversal]]\nname = "pair"\nuser = "core1"\npassword = "{password}"\nkeep_alive = 1.0\n'


class Nodes:
    """Starts nodes in a folder; whatever still runs at the end is killed by its id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        (folder / "deployment.toml").write_text(DEPLOYMENT)
        certificates(folder / "tls")
        self.running: list[subprocess.Popen[str]] = []

    def write(self, node: str, password: str = "a-long-password", extra: str = "") -> Path:
        path = self.folder / f"{node}.toml"
        head = f'node = "{node}"\ndeployment = "deployment.toml"\nrun_dir = "run/{node}"\n'
        path.write_text(head + TLS.format(node=node) + ZONE.format(password=password) + extra)
        return path

    def start(self, path: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "seaway.admin.cli", "node", "run", str(path)]
        made = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.running.append(made)
        return made

    def ready(self, node: str, process: subprocess.Popen[str]) -> dict[str, Any]:
        path = self.folder / "run" / node / "ready"

        def there() -> bool:
            assert process.poll() is None, process.communicate()
            try:
                found: dict[str, Any] = json.loads(path.read_text())
            except FileNotFoundError:
                return False
            return found["supervisor"] == process.pid  # one of an earlier node that was killed may lie there

        wait(there, 15)
        ready: dict[str, Any] = json.loads(path.read_text())
        return ready

    def refused(self, path: Path) -> str:
        """The one line of a node that must not start."""
        process = self.start(path)
        out, error = process.communicate(timeout=15)
        assert process.returncode == 2, (out, error)
        lines = [line for line in error.splitlines() if line.startswith("seaway: ") and "warning" not in line]
        assert len(lines) == 1 and "Traceback" not in error, error
        return lines[0]

    def status(self, node: str, view: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "seaway.admin.cli", "status", view, "--json"]
        done = subprocess.run(
            [*command, "--run-dir", str(self.folder / "run" / node)], capture_output=True, text=True, timeout=15
        )
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows


def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    # Not under pytest's own folder: that is closed to the user whose rights the children get.
    with tempfile.TemporaryDirectory(prefix="seaway-test-") as folder:
        yield from _nodes(Path(folder))


def _nodes(folder: Path) -> Iterator[Nodes]:
    made = Nodes(folder)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in made.running:
        process.communicate(timeout=10)


def test_a_pair_comes_up_and_goes_down(nodes: Nodes) -> None:
    edge, core = nodes.start(nodes.write("edge1")), nodes.start(nodes.write("core1"))
    pids = [*nodes.ready("edge1", edge).values(), *nodes.ready("core1", core).values()]
    wait(lambda: nodes.status("core1", "zones")[0]["state"] == "active")
    wait(lambda: nodes.status("edge1", "zones")[0]["state"] == "active")

    (link,) = [each for each in nodes.status("core1", "sockets") if each["kind"] == "dial"]
    assert link["rows"] == ["T11-01"] and 25000 <= int(link["local"].rpartition(":")[2]) <= 29999
    for node in ("edge1", "core1"):
        sockets = nodes.status(node, "sockets")
        assert sockets and all(each["rows"] for each in sockets)
        (summary,) = nodes.status(node, "status")
        assert summary["zones"] == {"pair": "active"} and summary["defects"] == 0 and summary["media_sessions"] == 0
    assert {row for each in nodes.status("edge1", "sockets") for row in each["rows"]} == {
        "T11-01", "T11-05", "T11-06", "T11-07", "T11-08", "T11-09", "T11-10",
    }  # fmt: skip

    begin = time.monotonic()
    for process in (edge, core):
        process.send_signal(signal.SIGTERM)
    for process in (edge, core):
        _, error = process.communicate(timeout=10)
        assert process.returncode == 0, error
        assert "Traceback" not in error and "defect" not in error, error
    assert time.monotonic() - begin < 3
    assert not any(alive(pid) for pid in pids if isinstance(pid, int))
    assert not (nodes.folder / "run" / "edge1" / "ready").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_children_have_no_privileges(nodes: Nodes) -> None:
    ready = nodes.ready("core1", nodes.start(nodes.write("core1")))
    for child in ("relay", "signal"):
        lines = dict(line.split(":\t", 1) for line in Path(f"/proc/{ready[child]}/status").read_text().splitlines())
        assert lines["Uid"].split() == ["65534"] * 4 and lines["Groups"].strip() == ""
        assert lines["NoNewPrivs"] == "1"
        for kind in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
            assert int(lines[kind], 16) == 0, kind
        assert Path(f"/proc/{ready[child]}/comm").read_text().strip() == f"seaway-{child}"
    run = nodes.folder / "run" / "core1"
    assert run.stat().st_mode & 0o777 == 0o750 and (run / "secret").stat().st_mode & 0o777 == 0o600


def test_the_guard_keeps_one_right(nodes: Nodes) -> None:
    """It stays root, with CAP_NET_ADMIN and no way to get more; without root there is none."""
    pids = nodes.ready("core1", nodes.start(nodes.write("core1")))
    if os.geteuid() != 0:
        assert "guard" not in pids
        return
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pids['guard']}/status").read_text().splitlines() if ":\t" in line
    )
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status[name], 16) == 1 << 12, name
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0 and status["NoNewPrivs"] == "1"


def test_without_nftables_there_is_no_guard(nodes: Nodes) -> None:
    path = nodes.write("core1", extra="[protection]\nnftables = false\n")
    assert "guard" not in nodes.ready("core1", nodes.start(path))
    assert nodes.status("core1", "protection") == []
    (summary,) = nodes.status("core1", "status")
    assert (summary["blocked"], summary["overload"]) == (0, "no")


def test_a_dead_child_comes_back_and_the_other_lives_on(nodes: Nodes) -> None:
    process = nodes.start(nodes.write("core1"))
    before = nodes.ready("core1", process)
    os.kill(before["signal"], signal.SIGKILL)
    wait(lambda: nodes.ready("core1", process)["signal"] != before["signal"])
    after = nodes.ready("core1", process)
    assert after["relay"] == before["relay"] and alive(after["relay"])
    wait(lambda: nodes.status("core1", "status")[0]["media_sessions"] == 0)  # it found the relay again
    os.kill(after["relay"], signal.SIGKILL)
    wait(lambda: nodes.ready("core1", process)["relay"] != after["relay"])
    assert nodes.ready("core1", process)["signal"] == after["signal"]


def test_alarms_of_a_node(nodes: Nodes) -> None:
    """A process that died and an engine that cannot be had are told, also by the next process that tells."""
    path = nodes.write("core1", extra='[media]\nengine = "xdp-native"\n')
    process = nodes.start(path)
    before = nodes.ready("core1", process)  # it runs, though not as it was told
    (engine,) = nodes.status("core1", "alarms")
    assert (engine["id"], engine["severity"], engine["state"], engine["process"]) == (
        "engine", "major", "raised", "supervisor",
    )  # fmt: skip
    (relay,) = nodes.status("core1", "relay")
    assert f"{relay['engine']} carries media: no xdp-native: " in engine["cause"]

    os.kill(before["signal"], signal.SIGKILL)
    wait(lambda: nodes.ready("core1", process)["signal"] != before["signal"])
    run_dir = str(nodes.folder / "run" / "core1")
    command = [sys.executable, "-m", "seaway.admin.cli", "alarms", "acknowledge", "engine", "--run-dir", run_dir]
    assert subprocess.run(command, timeout=15).returncode == 0
    found = {each["id"]: each for each in nodes.status("core1", "alarms")}
    assert found["engine"]["state"] == "acknowledged"
    assert found["process-restarted.signal"]["cause"].endswith("was killed by signal 9")
    assert found["process-restarted.signal"]["state"] == "raised" and found["process-restarted.signal"]["count"] == 1
    assert nodes.status("core1", "status")[0]["alarms"] >= 1
    command[5] = "no-such-alarm"
    failed = subprocess.run(command, timeout=15, capture_output=True, text=True)
    assert failed.returncode == 2 and "there is no alarm no-such-alarm" in failed.stderr
    counted = subprocess.run(
        [*command[:3], "metrics", "--run-dir", run_dir], timeout=15, capture_output=True, text=True, check=True
    )
    found_values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(counted.stdout)
        for sample in family.samples
    }
    assert found_values["seaway_process_restarts_total", "signal"] == 1
    assert found_values["seaway_process_restarts_total", "relay"] == 0
    assert found_values["seaway_alarms_active", "major", "acknowledged"] == 1
    assert found_values["seaway_node_info", "core1", "core"] == 1
    assert (
        found_values["seaway_ports", "media-pairs", "used"] == 0 < found_values["seaway_ports", "media-pairs", "free"]
    )
    assert found_values["seaway_engine_info", str(relay["engine"])] == 1
    del command[4:6]
    shown = subprocess.run(command, timeout=15, capture_output=True, text=True)
    assert "process-restarted.signal" in shown.stdout and "look at the log" in shown.stdout
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=10)
    assert "alarm.raised" in error and "id=engine" in error


def test_children_never_outlive_the_supervisor(nodes: Nodes) -> None:
    process = nodes.start(nodes.write("core1"))
    ready = nodes.ready("core1", process)
    process.kill()
    wait(lambda: not alive(ready["relay"]) and not alive(ready["signal"]))
    again = nodes.start(nodes.write("core1"))  # what was left behind is in nobody's way
    assert nodes.ready("core1", again)["signal"] != ready["signal"]


def test_a_wrong_zone_password_is_told_on_both_sides(nodes: Nodes) -> None:
    edge, core = nodes.start(nodes.write("edge1")), nodes.start(nodes.write("core1", password="not-the-password"))
    nodes.ready("edge1", edge)
    nodes.ready("core1", core)
    wait(lambda: nodes.status("core1", "zones")[0]["state"] == "failed")
    for process in (edge, core):
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=10)
        assert "a-long-password" not in error and "not-the-password" not in error


def test_errors_at_the_start_are_one_line(nodes: Nodes) -> None:
    import socket

    path = nodes.write("edge1")
    with socket.create_server((EDGE_OUTER, 5061)):
        line = nodes.refused(path)
    assert f"row T11-07, {EDGE_OUTER}:5061/tcp: the port is in use by " in line and f"(pid {os.getpid()})" in line

    (nodes.folder / "tls" / "edge1.pem").rename(nodes.folder / "tls" / "away.pem")
    assert "tls/edge1.pem: there is no such file; " in nodes.refused(path)
    (nodes.folder / "tls" / "away.pem").rename(nodes.folder / "tls" / "edge1.pem")
    (nodes.folder / "tls" / "edge1.key").chmod(0o644)
    assert "the private key is open to others" in nodes.refused(path)
    (nodes.folder / "tls" / "edge1.key").chmod(0o600)
    assert "does not carry the name core1.example.test" in nodes.refused(_with_certificate(nodes, "core1", "edge1"))
    assert "unknown setting" in nodes.refused(nodes.write("edge1", extra="[loog]\n"))
    if os.geteuid() == 0:
        assert 'run_as = "no-such-user": there is no such user' in nodes.refused(
            _as_user(nodes.write("edge1"), "no-such-user")
        )
    assert f"{CORE}" not in line


def _with_certificate(nodes: Nodes, node: str, other: str) -> Path:
    path = nodes.write(node)
    path.write_text(path.read_text().replace(f"tls/{node}.", f"tls/{other}."))
    return path


def _as_user(path: Path, name: str) -> Path:
    path.write_text(f'run_as = "{name}"\n' + path.read_text())
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
def test_a_run_directory_that_the_user_cannot_reach(nodes: Nodes) -> None:
    nodes.folder.chmod(0o700)
    assert f"nobody cannot enter {nodes.folder}; chmod o+x" in nodes.refused(nodes.write("core1"))


def test_one_node_for_a_run_directory(nodes: Nodes) -> None:
    path = nodes.write("core1")
    nodes.ready("core1", nodes.start(path))
    assert "another node runs in it; stop that node, or choose another" in nodes.refused(path)
