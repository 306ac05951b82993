"""Tones are told apart, and silence from sound."""

from __future__ import annotations

import math
import struct
from array import array
from pathlib import Path

import pytest

from seaway.lab.phones.linphone import write_tone
from seaway.lab.phones.sipp import alaw, alaw_tone
from seaway.lab.phones.sound import listen, read_samples, tone_share


def _tone(frequency: float, seconds: float = 2.0, level: int = 9000) -> array[int]:
    step = 2 * math.pi * frequency / 8000
    return array("h", (int(level * math.sin(step * index)) for index in range(int(8000 * seconds))))


def _wav(path: Path, samples: array[int]) -> Path:
    path.write_bytes(bytes(44) + samples.tobytes())
    return path


@pytest.mark.parametrize("frequency", [440, 560, 700, 880])
def test_a_tone_is_found_and_others_are_not(frequency: int) -> None:
    for other in (440, 560, 700, 880):
        share = tone_share(_tone(frequency), other)
        assert share > 0.95 if other == frequency else share < 0.05


def test_a_good_recording(tmp_path: Path) -> None:
    heard = listen(_wav(tmp_path / "a.wav", _tone(440)), 440, 700)
    assert heard.good and heard.seconds == 2.0 and heard.longest_gap == 0.0


def test_a_gap_is_measured(tmp_path: Path) -> None:
    samples = _tone(440, 1.0) + array("h", bytes(2 * 4000)) + _tone(440, 1.0)
    heard = listen(_wav(tmp_path / "a.wav", samples), 440, 700)
    assert heard.longest_gap == pytest.approx(0.5, abs=0.021)
    assert heard.good


@pytest.mark.parametrize(
    "samples", [array("h"), array("h", bytes(2 * 16000)), _tone(700), _tone(440, 0.5), _tone(440, level=100)]
)
def test_bad_recordings(tmp_path: Path, samples: array[int]) -> None:
    assert not listen(_wav(tmp_path / "a.wav", samples), 440, 700).good


def test_a_file_that_is_still_written(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(44) + struct.pack("<3h", 1, 2, 3) + b"\x01")
    assert list(read_samples(path)) == [1, 2, 3]
    path.write_bytes(bytes(10))
    assert list(read_samples(path)) == []


def test_a_written_tone_is_heard(tmp_path: Path) -> None:
    write_tone(tmp_path / "t.wav", 560, 2.0)
    assert listen(tmp_path / "t.wav", 560, 440).good


def test_alaw_values() -> None:
    # G.711 table 1a: the smallest and largest values of both signs, even bits inverted.
    assert alaw(0) == 0xD5 and alaw(-1) == 0x55
    assert alaw(4095) == 0xAA and alaw(-4096) == 0x2A
    assert len({alaw(each) for each in range(-4096, 4096)}) == 256


def test_alaw_decodes_close_to_what_went_in() -> None:
    def decode(code: int) -> int:
        code ^= 0x55
        segment, position = code >> 4 & 7, code & 15
        size = position * 2 + 1 if segment == 0 else (position * 2 + 33) << (segment - 1)
        return size if code & 0x80 else -size

    for sample in range(-4000, 4000, 7):
        assert abs(decode(alaw(sample)) - sample) <= max(2, abs(sample) // 16)
    assert len(alaw_tone(1000)) == 8000
