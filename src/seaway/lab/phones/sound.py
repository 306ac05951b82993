"""Is the other phone's tone in this recording? Plain arithmetic on 16 bit mono samples."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

__all__ = ["Heard", "listen", "read_samples", "tone_share"]

RATE = 8000  # samples per second of G.711
_FRAME = 160  # 20 ms
_WAV_HEADER = 44
_SILENCE = 200.0  # RMS below this is silence; the tones are above 5000


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recording holds. `tone` is the share of its energy at the expected frequency, 0 to 1; `own` the share at
    the receiver's own frequency (an echo would show there); `longest_gap` and `seconds` in seconds."""

    seconds: float
    rms: float
    tone: float
    own: float
    longest_gap: float

    @property
    def good(self) -> bool:
        return self.seconds >= 1.0 and self.rms >= _SILENCE and self.tone >= 0.5 and self.own < 0.1


def read_samples(path: Path) -> array[int]:
    """Samples of a 16 bit little endian WAV file. The header's length field is not used: a recorder fills it in at
    the end, and we also read while it still writes."""
    data = path.read_bytes()[_WAV_HEADER:]
    samples = array("h")
    samples.frombytes(data[: len(data) // 2 * 2])
    return samples


def tone_share(samples: array[int], frequency: float, rate: int = RATE) -> float:
    """Share of the energy at `frequency`, 0 to 1 (Goertzel). Computed in blocks of 50 ms, so that a jump of phase
    after lost packets does not cancel what came before it."""
    block = rate // 20
    factor = 2 * math.cos(2 * math.pi * frequency / rate)
    at_tone = energy = 0.0
    for start in range(0, len(samples) - block + 1, block):
        before = last = 0.0
        for sample in samples[start : start + block]:
            before, last = last, sample + factor * last - before
            energy += sample * sample
        at_tone += (before * before + last * last - factor * before * last) * 2 / block
    return min(1.0, at_tone / energy) if energy else 0.0


def _gap(samples: array[int], rate: int) -> float:
    """Longest silence between two sounding frames, in seconds."""
    loud = [
        index
        for index in range(0, len(samples) - _FRAME + 1, _FRAME)
        if max(abs(sample) for sample in samples[index : index + _FRAME : 8]) > _SILENCE
    ]
    return max((later - former - _FRAME for former, later in pairwise(loud)), default=0) / rate


def listen(path: Path, expected: float, own: float, rate: int = RATE) -> Heard:
    """Judge a recording; at most the last ten seconds of it are looked at. Raises OSError when it cannot be read."""
    samples = read_samples(path)[-10 * rate :]
    square = sum(sample * sample for sample in samples)
    return Heard(
        seconds=len(samples) / rate,
        rms=math.sqrt(square / len(samples)) if samples else 0.0,
        tone=tone_share(samples, expected, rate),
        own=tone_share(samples, own, rate),
        longest_gap=_gap(samples, rate),
    )
