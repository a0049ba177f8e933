"""Mel-frequency cepstral coefficients over equal parts of a recording, by librosa."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sdml.errors import DataError
from sdml.experiment.base import Whole
from sdml.features.extractors.base import Extractor, Kind, State
from sdml.features.table import AnyArray, FloatArray, Item

_WINDOW_SECONDS = 0.032
_MEL_BANDS = 40


class Mfcc(Extractor):
    """``coefficients`` × (``segments`` + 2) values for each recording.

    First the mean of each coefficient in each of ``segments`` equal parts, then over the whole
    recording each one's standard deviation, then that of its slope.

    Channels are averaged and the sound is brought to ``sample_rate``. Recordings too short for
    one frame in each part are filled up with silence.
    """

    name: ClassVar[str] = "mfcc"
    kind: ClassVar[Kind] = "audio"
    packages: ClassVar[tuple[str, ...]] = ("librosa", "soundfile")

    # Below 4 kHz some mel bands would be narrower than one bin of the spectrum, and empty.
    sample_rate: Annotated[Whole, Field(ge=4000, le=192_000)] = 16_000
    coefficients: Annotated[Whole, Field(ge=1, le=_MEL_BANDS)] = 13
    segments: Annotated[Whole, Field(ge=1, le=1000)] = 10

    def transform(self, items: Sequence[Item], state: State) -> FloatArray:  # noqa: ARG002
        """One audio file for each row."""
        return self._stack(items, self._vector)

    def _vector(self, path: Path) -> AnyArray:
        import librosa
        import soundfile

        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if not len(samples):
            raise DataError(f"{path}: must hold sound, but it holds no samples")
        if not np.isfinite(samples).all():
            raise DataError(f"{path}: must hold finite samples, but some are NaN or infinite")
        sound = samples.mean(axis=1)
        if rate != self.sample_rate:
            sound = librosa.resample(sound, orig_sr=rate, target_sr=self.sample_rate)
        window = 1 << int(np.ceil(np.log2(_WINDOW_SECONDS * self.sample_rate)))
        hop = window // 2
        shortest = window + hop * (self.segments - 1)
        sound = np.pad(sound, (0, max(0, shortest - len(sound))))
        coefficients = librosa.feature.mfcc(
            y=sound,
            sr=self.sample_rate,
            n_mfcc=self.coefficients,
            n_mels=_MEL_BANDS,
            n_fft=window,
            hop_length=hop,
        )
        slope = librosa.feature.delta(coefficients, width=3, mode="nearest")
        parts = np.array_split(coefficients, self.segments, axis=1)
        means = [part.mean(axis=1) for part in parts]
        return np.concatenate([*means, coefficients.std(axis=1), slope.std(axis=1)])
