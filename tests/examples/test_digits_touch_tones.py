from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import scipy.io.wavfile

from examples.digits.touch_tones import HANDSETS, Handset, draw_handset, press, tones

# ITU-T Q.23, written out: row and column frequency of each digit's key.
Q23 = {
    **{1: (697, 1209), 2: (697, 1336), 3: (697, 1477)},
    **{4: (770, 1209), 5: (770, 1336), 6: (770, 1477)},
    **{7: (852, 1209), 8: (852, 1336), 9: (852, 1477)},
    0: (941, 1336),
}


def strongest(samples: np.ndarray[tuple[int], np.dtype[np.int16]], low: int, high: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples, n=16384))
    frequencies = np.fft.rfftfreq(16384, d=1 / 8000)
    band = np.flatnonzero((frequencies >= low) & (frequencies <= high))
    return float(frequencies[band[np.argmax(spectrum[band])]])


def test_keys_have_the_frequencies_of_the_recommendation() -> None:
    assert {digit: tones(digit) for digit in range(10)} == Q23


def test_every_recording_holds_its_two_tones(digits: Path) -> None:
    with (digits / "recordings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = []
    for row in rows:
        rate, samples = scipy.io.wavfile.read(digits / row["path"])
        assert (rate, samples.dtype, samples.shape) == (8000, np.int16, (3200,))
        found = strongest(samples, 660, 980), strongest(samples, 1160, 1520)
        # Off pitch by 1.5 % at most; a short tone in noise moves its peak a little more.
        near = [abs(f / q - 1) < 0.03 for f, q in zip(found, Q23[int(row["label"])], strict=True)]
        if not all(near):
            wrong.append((row, found))
    # Noise may hide one tone of a few recordings; the spectrum finds both in the others.
    assert len(wrong) <= len(rows) // 100, wrong


def test_a_clean_press_is_exactly_two_tones() -> None:
    quiet = Handset(pitch=0.01, level=-12, twist=0, hum=-200, mains=50)

    class NoNoise(np.random.Generator):
        def standard_normal(self, *args: object, **kwargs: object) -> np.ndarray:  # type: ignore
            return np.zeros(3200)

    samples = press(5, quiet, NoNoise(np.random.PCG64(3)))
    power = np.abs(np.fft.rfft(samples, n=16384)) ** 2
    frequencies = np.fft.rfftfreq(16384, d=1 / 8000)
    inside = np.zeros_like(power, dtype=bool)
    for nominal in Q23[5]:
        inside |= np.abs(frequencies - nominal * 1.01) < 40
    assert power[inside].sum() > 0.97 * power.sum()


def test_handsets_stay_within_what_a_receiver_accepts() -> None:
    for seed in range(200):
        handset = draw_handset(np.random.default_rng(seed))
        assert abs(handset.pitch) <= 0.015
        # The twist of one press varies by another decibel.
        assert handset.twist - 1 >= -8
        assert handset.twist + 1 <= 6
        assert handset.mains in (50, 60)


def test_splits_share_no_handset_and_no_random_stream(digits: Path) -> None:
    with (digits / "recordings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for split, count in HANDSETS.items():
        assert len({row["handset"] for row in rows if row["split"] == split}) == count
    assert len({(digits / row["path"]).read_bytes() for row in rows}) == len(rows)
