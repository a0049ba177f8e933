"""Previews: raw items so small that a report can show or play them.

A small file is kept as it is. A larger picture becomes a thumbnail, a larger recording its first
seconds. They are for people only: no training and no figure depends on them. Texts need none, since
they stand among the items' names.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from sdml.features.extractors.base import Kind
from sdml.features.table import Item

logger = logging.getLogger(__name__)

Previews = tuple[str | None, ...]
"""For each item a ``data:`` URI, or None."""

MOST_ITEMS = 1000
MOST_BYTES = 4 * 2**20

_AS_IT_IS = 8 * 2**10
_SIDE = 96
_SECONDS, _RATE = 2, 16_000
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
}


def previews(items: Sequence[Item], kind: Kind) -> Previews | None:
    """Previews of raw items that an extractor could read; None for texts.

    Of more than 1000 items every so many-th has one, and none has after 4 MiB.
    """
    if kind == "text":
        return None
    smaller = _thumbnail if kind == "image" else _beginning
    made: list[str | None] = [None] * len(items)
    total = 0
    for index in range(0, len(items), -(-len(items) // MOST_ITEMS) or 1):
        made[index] = uri = _preview(Path(items[index]), kind, smaller)
        total += len(uri or "")
        if total > MOST_BYTES:
            made[index] = None
            break
    return tuple(made)


def _preview(path: Path, kind: Kind, smaller: Callable[[Path], tuple[str, bytes]]) -> str | None:
    known = _TYPES.get(path.suffix.lower(), "")
    try:
        if known.startswith(kind) and path.stat().st_size <= _AS_IT_IS:
            media, data = known, path.read_bytes()
        else:
            media, data = smaller(path)
    except Exception as error:  # a library's, of any class: a report can do without a picture
        logger.debug("%s has no preview: %r", path, error)
        return None
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def _thumbnail(path: Path) -> tuple[str, bytes]:
    """At most 96 pixels a side, upright, JPEG; what is transparent becomes white."""
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        opened.draft("RGB", (2 * _SIDE, 2 * _SIDE))  # of a JPEG only what is needed is decoded
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I"):  # 16 bits
            picture = picture.point(lambda value: value / 256).convert("L")
        coloured = picture.convert("RGBA")
    coloured.thumbnail((_SIDE, _SIDE))
    white = Image.new("RGB", coloured.size, "white")
    white.paste(coloured, mask=coloured.getchannel("A"))
    buffer = io.BytesIO()
    white.save(buffer, "JPEG", quality=75)
    return "image/jpeg", buffer.getvalue()


def _beginning(path: Path) -> tuple[str, bytes]:
    """The first two seconds, one channel, MP3."""
    import soundfile
    from scipy.signal import resample_poly

    with soundfile.SoundFile(path) as opened:
        rate = opened.samplerate
        samples = opened.read(_SECONDS * rate, dtype="float32", always_2d=True).mean(axis=1)
    if rate != _RATE:
        samples = resample_poly(samples, _RATE, rate)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, _RATE, format="MP3")
    return "audio/mpeg", buffer.getvalue()
