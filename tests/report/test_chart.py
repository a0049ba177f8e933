from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdml.report.chart import _ticks, svg_chart
from sdml.report.figures import curve_grid
from sdml.report.lines import Line, Panel

NUMBER = st.floats(-1e6, 1e6)


@given(NUMBER, st.floats(0, 1e6))
def test_ticks_enclose_the_range_with_few_steps(low: float, width: float) -> None:
    ticks = _ticks(low, low + width)
    slack = 1e-6 * max(abs(low), width, 1.0)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + width - slack
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))


@given(st.lists(st.tuples(st.floats(1, 1e4), NUMBER), min_size=1, max_size=9), st.booleans())
def test_points_stay_inside_the_chart(points: list[tuple[float, float]], log: bool) -> None:
    x, y = zip(*points, strict=True)
    panel = Panel(
        title="<&>",
        x_label="x",
        y_label="y",
        lines=(Line(label='"', color=9, x=x, y=y),),
        unit=False,
        log=log,
        mark=x[0],
    )
    figure = ET.fromstring(svg_chart(panel))
    assert figure.findtext("figcaption") == "<&>"
    for line in figure.iter("polyline"):
        for pair in line.attrib["points"].split():
            across, down = map(float, pair.split(","))
            assert 45 <= across <= 347
            assert 11 <= down <= 211


@pytest.mark.parametrize("text", ["$x$", "a_b^c", "$"])
def test_names_are_never_read_as_mathematics(text: str) -> None:
    line = Line(label=text, color=0, x=(1.0, 2.0), y=(0.0, 1.0))
    panel = Panel(title=text, x_label="x", y_label="y", lines=(line,))
    assert curve_grid([panel], "title").startswith(b"\x89PNG")
