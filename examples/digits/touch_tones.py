"""Audio: a telephone key as it sounds over a noisy line, synthesised.

A key sounds as two tones at once, one for its row and one for its column (ITU-T Recommendation
Q.23). Each handset has habits of its own (how far its tones are off pitch, how loud it is, how
much louder the column tone is than the row tone, what hums on its line), and each press varies
around them. Handsets belong to one split, so a test recording comes from a handset never heard in
training. Made to be a little hard: noise from 25 dB below to 9 dB above the power of the tones,
presses of 60 to 250 ms that begin anywhere in the recording.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from examples.digits.tables import write_table
from sdml.experiment import SplitName

RATE = 8000
SAMPLES = 3200
ROWS = (697.0, 770.0, 852.0, 941.0)
COLUMNS = (1209.0, 1336.0, 1477.0)
KEYS = ("123", "456", "789", "*0#")
HANDSETS: dict[SplitName, int] = {"train": 12, "validation": 2, "test": 4}
HANDSET_NAMES = "abcdefghijklmnopqr"
TAKES = 5


class Handset(NamedTuple):
    """What all presses of one telephone have in common; gains in decibel."""

    pitch: float
    level: float
    twist: float
    hum: float
    mains: float


class Recording(NamedTuple):
    """One row of recordings.csv."""

    path: str
    label: int
    handset: str
    split: SplitName


def tones(digit: int) -> tuple[float, float]:
    """Nominal row and column frequency of a key, in hertz.

    >>> tones(0)
    (941.0, 1336.0)
    """
    row = next(number for number, keys in enumerate(KEYS) if str(digit) in keys)
    return ROWS[row], COLUMNS[KEYS[row].index(str(digit))]


def draw_handset(generator: np.random.Generator) -> Handset:
    """A handset within the tolerances a receiver must accept: pitch off by at most 1.5 %."""
    return Handset(
        pitch=generator.uniform(-0.015, 0.015),
        level=generator.uniform(-24, -10),
        twist=generator.uniform(-6, 4),
        hum=generator.uniform(-30, -6),
        mains=float(generator.choice((50, 60))),
    )


def press(digit: int, handset: Handset, generator: np.random.Generator) -> NDArray[np.int16]:
    """One recording of one key, int16 of shape (SAMPLES,) at RATE hertz."""
    time = np.arange(SAMPLES) / RATE
    length = int(RATE * generator.uniform(0.06, 0.25))
    onset = int(generator.integers(0, SAMPLES - length))
    row, column = (f * (1 + handset.pitch) for f in tones(digit))
    twist = handset.twist + generator.uniform(-1, 1)
    phases = generator.uniform(0, 2 * np.pi, size=3)
    both = np.sin(2 * np.pi * row * time + phases[0])
    both += _gain(twist) * np.sin(2 * np.pi * column * time + phases[1])
    both /= 1 + _gain(twist)
    strength = float(np.sqrt(np.mean(both**2)))
    heard = np.zeros(SAMPLES)
    heard[onset : onset + length] = both[onset : onset + length] * _ramps(length)
    hum = np.sin(2 * np.pi * handset.mains * time + phases[2])
    noise = generator.standard_normal(SAMPLES)
    heard += strength * _gain(handset.hum) * hum
    heard += strength * _gain(-generator.uniform(-9, 25)) * noise
    heard *= _gain(handset.level + generator.uniform(-3, 3))
    # A line that is too loud clips, as the real one does.
    return np.clip(np.rint(heard * 32767), -32768, 32767).astype("<i2")


def write_recordings(folder: Path, *, seed: int) -> list[Recording]:
    """Write ``audio/*.wav`` (8 kHz, 16 bit, mono) and ``recordings.csv``.

    Every handset has its own random stream, made of ``seed`` and the number of the handset.
    """
    (folder / "audio").mkdir()
    splits = [split for split, count in HANDSETS.items() for _ in range(count)]
    rows = []
    for number, (name, split) in enumerate(zip(HANDSET_NAMES, splits, strict=True)):
        generator = np.random.default_rng((seed, number))
        handset = draw_handset(generator)
        for take in range(TAKES):
            for digit in range(10):
                path = f"audio/handset-{name}_digit-{digit}_take-{take}.wav"
                _write_wave(folder / path, press(digit, handset, generator))
                rows.append(Recording(path, digit, name, split))
    write_table(folder / "recordings.csv", Recording._fields, rows)
    return rows


def _gain(decibel: float) -> float:
    return float(10 ** (decibel / 20))


def _ramps(length: int) -> NDArray[np.float64]:
    edge = np.minimum(np.arange(length), np.arange(length)[::-1])
    return np.minimum(1, (edge + 1) / (0.003 * RATE))


def _write_wave(path: Path, samples: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
