"""The figure of the table: the best at the top, joint methods in a colour of their own."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from benchmarks.peers.figure import figure
from benchmarks.peers.runner import Cell, Row
from sdml.report.figures import PALETTE
from tests.benchmarks.peers.easy import small_peers


def cells(*means: float, ranking: str = "cosine") -> list[Cell]:
    """One for each seed, with two directions that lie .1 apart."""
    return [
        {
            "maps": {ranking: {"image to text": mean + 0.05, "text to image": mean - 0.05}},
            "chance": {"image to text": 0.1, "text to image": 0.1},
        }
        for mean in means
    ]


def test_methods_stand_by_their_mean() -> None:
    peers = small_peers()
    image = figure(
        [
            Row(peer=peers["mcca"], cells=cells(0.3, 0.4)),
            Row(peer=peers["classifier"], cells=cells(0.6, ranking="inner")),
            Row(peer=peers["mvda"], cells=cells(0.5)),
            Row(peer=peers["dcca"], refused="needs pairs"),
        ],
        "easy",
    )
    ElementTree.fromstring(image)
    text = image.decode()
    names = re.findall(r">(\w+, \w+)<", text)
    assert names == ["classifier, inner", "mvda, cosine", "mcca, cosine"]
    alone, jointly = (
        len(re.findall(rf'<path d="M [1-9][^"]+"[^>]*fill: {color}', text)) for color in PALETTE[:2]
    )
    assert (alone, jointly) == (1 + 1, 2 + 1)  # bars, and one each in the legend


def test_nothing_finished_yet() -> None:
    image = figure([Row(peer=small_peers()["mcca"])], "easy")
    assert b">easy<" in image
    assert b"mcca" not in image
