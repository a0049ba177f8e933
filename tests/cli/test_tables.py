from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from sdml.cli.tables import map_table


def shown(pairs: list[dict[str, Any]]) -> list[list[str]]:
    text = io.StringIO()
    Console(file=text, width=200).print(map_table(pairs, "cosine"))
    lines = (line.replace("┃", "│").strip() for line in text.getvalue().splitlines())
    return [[cell.strip() for cell in line[1:-1].split("│")] for line in lines if line[0] == "│"]


def test_values_means_and_chance() -> None:
    names = ("audio", "image", "text")
    pairs = [
        {"query": q, "gallery": g, "map": i / 10, "chance": i / 100}
        for i, (q, g) in enumerate(((q, g) for q in names for g in names if q != g), start=1)
    ]
    assert shown(pairs) == [
        ["query \\ gallery", "audio", "image", "text", "mean", "chance"],
        ["audio", "–", "0.100", "0.200", "0.150", "0.015"],
        ["image", "0.300", "–", "0.400", "0.350", "0.035"],
        ["text", "0.500", "0.600", "–", "0.550", "0.055"],
        ["mean", "0.400", "0.350", "0.300", "0.350", ""],
        ["chance", "0.040", "0.035", "0.030", "", "0.035"],
    ]


def test_the_interval_of_a_sample_stands_beside_its_figure() -> None:
    pairs = [
        {"query": q, "gallery": g, "map": 0.5, "chance": 0.1, "low": 0.48, "high": 0.52}
        for q, g in (("image", "text"), ("text", "image"))
    ]
    rows = shown(pairs)
    assert rows[1] == ["image", "–", "0.500 ±0.020", "0.500", "0.100"]
