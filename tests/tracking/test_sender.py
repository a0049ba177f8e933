from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sdml.tracking.sender import pace


@given(st.floats(0, 1e6))
def test_a_run_asks_a_slow_server_for_a_small_part_of_its_time(seconds: float) -> None:
    pause = pace(seconds)
    assert 0.5 <= pause <= 300
    assert pause == 300 or 20 * seconds <= pause


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_slower_server_is_never_asked_more_often(one: float, other: float) -> None:
    assert (pace(one) <= pace(other)) == (one <= other) or pace(one) == pace(other)
