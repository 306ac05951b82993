"""The log: no forged lines, no terminal control, no secrets (R67)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from seaway.observe import log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


CANARY = "planted-canary-7731"


def lines(tmp_path: Path, format: log.Format, level: log.Level = "info", **fields: object) -> list[str]:
    path = tmp_path / "log"
    stream = log.configure(format, level, path)
    try:
        log.get(node="edge1").info("test.event", **fields)
    finally:
        stream.close()
    return path.read_text().splitlines()


@pytest.mark.parametrize("format", ["text", "json"])
def test_wire_text_cannot_forge_a_line_or_steer_a_terminal(tmp_path: Path, format: log.Format) -> None:
    hostile = "x\r\n2026-01-01 info forged \x1b[2J \u202e \u2028 \x85 \x00 \ud800"
    found = lines(tmp_path, format, value=hostile, **{"na\nme": "v"})
    assert len(found) == 1
    assert not set(found[0]) & set("\r\n\x1b\u202e\u2028\x85\x00")


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize(
    "fields",
    [
        {"password": CANARY},
        {"zone": {"name": "z", "password": CANARY}},
        {"users": [{"ha1_sha256": CANARY}]},
        {"ufrag_password": CANARY},
        {"Proxy-Authorization": CANARY},
        {"message": f'REGISTER sip:x SIP/2.0\r\nAuthorization: Digest username="a", response="{CANARY}"\r\n\r\n'},
        {"message": f"proxy-authorization : Digest response={CANARY}\r\n".encode()},
        {"sdp": f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{CANARY}|2^20\r\na=ice-pwd:{CANARY}\r\n"},
        {"sdp": f"a=crypto:1 F8 inline:{CANARY}|2^20|1:4;inline:{CANARY}|2^20|2:4"},
        {"error": f"cannot use password={CANARY}"},
    ],
)
def test_secrets_never_reach_the_log(tmp_path: Path, format: log.Format, fields: dict[str, object]) -> None:
    found = "\n".join(lines(tmp_path, format, **fields))
    assert CANARY not in found
    assert "***" in found


def test_json_lines_have_event_and_fields(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, "json", row="T11-05", peer=("198.51.100.9", 5060))
    entry = json.loads(line)
    assert entry["event"] == "test.event" and entry["node"] == "edge1" and entry["row"] == "T11-05"
    assert entry["peer"] == ["198.51.100.9", 5060] and entry["level"] == "info" and entry["time"].endswith("Z")


def test_the_level_holds(tmp_path: Path) -> None:
    assert lines(tmp_path, "text", "warning") == []


def test_long_values_are_cut(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, "text", value="a" * 100_000)
    assert len(line) < 5000


def test_a_log_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(log.LogError, match=r"set \[log\] file"):
        log.configure("text", "info", tmp_path / "none" / "log")


def test_a_full_disk_costs_lines_not_calls() -> None:
    stream = log.configure("text", "info", Path("/dev/full"))
    logger = log.get()
    for number in range(100):
        logger.info("test.event", number=number)
    with contextlib.suppress(OSError):
        stream.close()
    logger.error("after.close")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("192.0.2.1:5060/udp", "192.0.2.1:5060/udp"),
        ("two words", '"two words"'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("", '""'),
        ("ü", "ü"),
        ("\u202ex", "\\u202ex"),
        (7, "7"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        (("h", 1), '["h", 1]'),
    ],
)
def test_values_as_text(tmp_path: Path, value: object, shown: str) -> None:
    (line,) = lines(tmp_path, "text", value=value)
    assert line.endswith(f" test.event node=edge1 value={shown}")


@pytest.mark.parametrize(
    "text",
    ["Authorization\t:x", "PASSWORD = x", "ha1=x", "cnonce=x", 'response="x"', "a=ice-pwd:x", "a=crypto:1 A inline:x"],
)
def test_each_shape_of_a_secret_is_looked_for(text: str) -> None:
    """One look decides whether there may be any: it must not miss a shape."""
    assert log.redact(f"before {text}") != f"before {text}"
    assert log.redact("before: nothing=here") == "before: nothing=here"
