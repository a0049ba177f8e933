"""Published mAP@all on the collections of the paper, to stand beside figures made here.

Figures only, each with the table it was printed in. They are of one seed, on the authors' features
and splits (``examples/paper``), and of rankings by cosine unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_SDML = "Hu et al., SIGIR 2019, table"
_FUME = "CVPR 2025 paper of FUME, table 1"


@dataclass(frozen=True, kw_only=True)
class Published:
    """One row: ``pairs`` by "query to gallery"; where only an average was printed, it is empty."""

    method: str
    source: str
    mean: float
    pairs: Mapping[str, float] = field(default_factory=dict)


def _two(method: str, source: str, image_text: float, text_image: float, mean: float) -> Published:
    pairs = {"image to text": image_text, "text to image": text_image}
    return Published(method=method, source=source, mean=mean, pairs=pairs)


def _square(
    method: str, source: str, mean: float, rows: Mapping[str, Mapping[str, float]]
) -> Published:
    pairs = {
        f"{query} to {gallery}": value
        for query, row in rows.items()
        for gallery, value in row.items()
    }
    return Published(method=method, source=source, mean=mean, pairs=pairs)


PUBLISHED: Mapping[str, tuple[Published, ...]] = MappingProxyType(
    {
        "paper-wikipedia": (
            _two("SDML", f"{_SDML} 3", 0.522, 0.488, 0.505),
            Published(method="GSS-SL", source=f"{_SDML} 3", mean=0.440),
            _two("MCCA", _FUME, 0.296, 0.283, 0.290),
            _two("ACMR", _FUME, 0.434, 0.414, 0.424),
            _two("DSCMR", _FUME, 0.527, 0.481, 0.504),
            _two("MARS", _FUME, 0.548, 0.496, 0.522),
            _two("FUME (jointly trained)", _FUME, 0.558, 0.501, 0.530),
            _two("DRCL", "log of the released code", 0.562, 0.538, 0.550),
        ),
        "paper-nus-wide": (
            _two("SDML", f"{_SDML} 4", 0.694, 0.699, 0.697),
            Published(method="GSS-SL", source=f"{_SDML} 4", mean=0.650),
        ),
        "paper-ms-coco": (
            _two("SDML", f"{_SDML} 5", 0.827, 0.818, 0.823),
            Published(method="CMPM+CMPC", source=f"{_SDML} 5", mean=0.753),
            Published(method="GSS-SL", source=f"{_SDML} 5", mean=0.705),
            Published(method="DCCA", source=f"{_SDML} 5", mean=0.415),
        ),
        "paper-xmedia": (
            _square(
                "SDML",
                f"{_SDML} 2",
                0.609,
                {
                    "image": {"text": 0.899, "audio": 0.552, "3d": 0.690, "video": 0.659},
                    "text": {"image": 0.917, "audio": 0.572, "3d": 0.722, "video": 0.686},
                    "audio": {"image": 0.576, "text": 0.604, "3d": 0.501, "video": 0.425},
                    "3d": {"image": 0.668, "text": 0.694, "audio": 0.428, "video": 0.533},
                    "video": {"image": 0.587, "text": 0.604, "audio": 0.342, "3d": 0.514},
                },
            ),
            Published(method="CMPM+CMPC", source=f"{_SDML} 2", mean=0.584),
            Published(method="MCCA", source=f"{_SDML} 2", mean=0.148),
        ),
    }
)
