from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import scipy.fft
import soundfile

from sdml.errors import DataError

Extract = Callable[..., Any]
RATE = 8000


def tone(hertz: float, seconds: float = 0.5, rate: int = RATE, phase: float = 0) -> Any:
    time = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.sin(2 * np.pi * hertz * time + phase)


@pytest.fixture
def wav(tmp_path: Path) -> Callable[..., Path]:
    def call(name: str, sound: npt.NDArray[Any], rate: int = RATE) -> Path:
        soundfile.write(tmp_path / name, sound, rate)
        return tmp_path / name

    return call


def test_layout(wav: Callable[..., Path], extract: Extract) -> None:
    sound = (tone(440) * np.linspace(0, 1, RATE // 2)).astype(np.float32)
    path = wav("a.wav", sound)
    read = soundfile.read(path, dtype="float32")[0]
    vectors = extract("mfcc", [path], sample_rate=RATE, coefficients=5, segments=4)
    assert vectors.shape == (1, 5 * (4 + 2))
    # The definition, from librosa's mel bands: decibels, then an orthonormal cosine transform.
    mel = librosa.feature.melspectrogram(y=read, sr=RATE, n_fft=256, hop_length=128, n_mels=40)
    decibels = librosa.power_to_db(mel)
    coefficients = scipy.fft.dct(decibels, axis=0, norm="ortho")[:5]
    quarter = coefficients.shape[1] // 4
    assert coefficients.shape[1] == 4 * quarter
    means = coefficients.reshape(5, 4, quarter).mean(axis=2).T.reshape(-1)
    padded = np.pad(coefficients, ((0, 0), (1, 1)), mode="edge")
    slope = (padded[:, 2:] - padded[:, :-2]) / 2
    expected = np.concatenate([means, coefficients.std(axis=1), slope.std(axis=1)])
    np.testing.assert_allclose(vectors[0], expected, rtol=1e-3, atol=1e-2)


def test_tones_are_told_apart(wav: Callable[..., Path], extract: Extract) -> None:
    generator = np.random.default_rng(0)
    paths = []
    for hertz in (200, 800, 2400):
        for index in range(4):
            sound = tone(hertz * (1 + 0.01 * index), phase=index)
            noise = generator.normal(scale=0.01, size=len(sound))
            paths.append(wav(f"{hertz}-{index}.wav", sound + noise))
    vectors = extract("mfcc", paths, sample_rate=RATE)
    distance = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    same = np.arange(12)[:, None] // 4 == np.arange(12) // 4
    assert distance[same].max() < distance[~same].min()


def test_segments_tell_when_a_tone_changes(wav: Callable[..., Path], extract: Extract) -> None:
    rising = np.concatenate([tone(300), tone(2000)])
    paths = [wav("a.wav", rising), wav("b.wav", rising[::-1])]
    early, late = extract("mfcc", paths, sample_rate=RATE, segments=2)
    np.testing.assert_allclose(early[:13], late[13:26], atol=8)
    assert np.linalg.norm(early[:13] - late[:13]) > 50


@pytest.mark.parametrize("length", [1, 2, 100, 255, 256, 257, 1000])
def test_short_recordings(wav: Callable[..., Path], extract: Extract, length: int) -> None:
    path = wav("a.wav", np.full(length, 0.1))
    vectors = extract("mfcc", [path])
    assert vectors.shape == (1, 156)
    assert np.isfinite(vectors).all()


def test_silence(wav: Callable[..., Path], extract: Extract) -> None:
    assert np.isfinite(extract("mfcc", [wav("a.wav", np.zeros(RATE))])).all()


def test_sample_rate_and_channels_hardly_matter(wav: Callable[..., Path], extract: Extract) -> None:
    stereo = np.stack([tone(500, rate=32000), tone(500, rate=32000)], axis=1)
    paths = [wav("a.wav", tone(500)), wav("b.flac", stereo, 32000), wav("c.wav", tone(1500))]
    vectors = extract("mfcc", paths, sample_rate=RATE)
    near, far = (np.linalg.norm(vectors[0] - vectors[i]) for i in (1, 2))
    assert near < 0.3 * far


@pytest.mark.parametrize("sample_rate", [4000, 11025, 44100, 192000])
def test_no_rate_leaves_an_empty_mel_band(
    wav: Callable[..., Path], extract: Extract, sample_rate: int
) -> None:
    path = wav("a.wav", np.random.default_rng(0).normal(scale=0.1, size=RATE))
    assert np.isfinite(extract("mfcc", [path], sample_rate=sample_rate)).all()


def test_an_empty_recording_is_refused(wav: Callable[..., Path], extract: Extract) -> None:
    with pytest.raises(DataError, match=r"a\.wav: must hold sound, but it holds no samples"):
        extract("mfcc", [wav("a.wav", np.zeros(0))])


def test_samples_that_are_not_finite_are_refused(tmp_path: Path, extract: Extract) -> None:
    sound = np.zeros(100)
    sound[3] = np.nan
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav: must hold finite samples"):
        extract("mfcc", [tmp_path / "a.wav"])


def test_a_damaged_recording_is_named(tmp_path: Path, extract: Extract) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF junk")
    with pytest.raises(DataError, match=r"^mfcc: .*a\.wav: cannot be read as audio: "):
        extract("mfcc", [tmp_path / "a.wav"])
