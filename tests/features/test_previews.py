from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from sdml.errors import IntegrityError
from sdml.features import previews as module
from sdml.features.previews import previews
from sdml.features.stored import load_previews


def opened(uri: str | None) -> tuple[str, bytes]:
    assert uri is not None
    head, data = uri.split(";base64,")
    return head.removeprefix("data:"), base64.b64decode(data)


def test_a_small_file_is_kept_as_it_is(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 7).save(tmp_path / "a.png")
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    (picture,) = previews([tmp_path / "a.png"], "image") or ()
    (sound,) = previews([tmp_path / "a.wav"], "audio") or ()
    assert opened(picture) == ("image/png", (tmp_path / "a.png").read_bytes())
    assert opened(sound) == ("audio/wav", (tmp_path / "a.wav").read_bytes())


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "I;16"])
def test_a_large_picture_becomes_a_thumbnail(tmp_path: Path, mode: str) -> None:
    width = {"RGB": 3, "RGBA": 4}.get(mode, 1)
    rng = np.random.default_rng(0)
    kind = np.uint16 if mode == "I;16" else np.uint8
    pixels = rng.integers(0, 256, (300, 600, width)).astype(kind).squeeze()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (uri,) = previews([tmp_path / "a.png"], "image") or ()
    media, data = opened(uri)
    assert media == "image/jpeg"
    assert len(data) < 6000
    with Image.open(io.BytesIO(data)) as small:
        assert small.size == (96, 48)


def test_of_a_long_recording_there_is_the_beginning(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8 * 44_100) / 44_100)
    soundfile.write(tmp_path / "a.flac", np.stack([tone, tone], axis=1), 44_100)
    (uri,) = previews([tmp_path / "a.flac"], "audio") or ()
    media, data = opened(uri)
    assert media == "audio/mpeg"
    samples, rate = soundfile.read(io.BytesIO(data))
    assert (rate, samples.ndim) == (16_000, 1)
    assert 1.9 < len(samples) / rate < 2.3
    loudest = np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)
    assert loudest == pytest.approx(440, abs=2)


def test_texts_have_none_and_what_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert previews(["a word"], "text") is None
    (tmp_path / "a.bmp").write_bytes(b"no picture")
    assert previews([tmp_path / "a.bmp", tmp_path / "gone.wav"], "image") == (None, None)


def test_few_and_small_enough_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    monkeypatch.setattr(module, "MOST_ITEMS", 4)
    made = previews([tmp_path / "a.png"] * 10, "image") or ()
    assert [i for i, uri in enumerate(made) if uri] == [0, 3, 6, 9]
    monkeypatch.setattr(module, "MOST_BYTES", 2 * len(made[0] or ""))
    made = previews([tmp_path / "a.png"] * 10, "image") or ()
    assert [i for i, uri in enumerate(made) if uri] == [0, 3]


@pytest.mark.parametrize(
    "data", [b"{}", b"[1]", b'["javascript:alert(1)"]', b'["data:image/png;base64,\\""]']
)
def test_what_is_no_preview_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="data: URIs"):
        load_previews(lambda _: data)
