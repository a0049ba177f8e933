"""Readings of one clock never repeat and never go back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sdml.store.clock import StrictClock, utc_now

TIMES = st.datetimes(
    min_value=datetime(1970, 1, 1),
    max_value=datetime(2100, 1, 1),
    timezones=st.timezones(),
    allow_imaginary=False,
)


@given(st.lists(TIMES, min_size=1, max_size=20))
def test_strictly_increasing_and_in_utc(times: list[datetime]) -> None:
    source = iter(times)
    clock = StrictClock(lambda: next(source))
    readings = [clock() for _ in times]
    instants = [time.astimezone(UTC) for time in times]  # zones compare an hour that repeats oddly
    assert readings[0] == instants[0]
    assert all(a < b for a, b in pairwise(readings))
    assert all(reading.tzinfo is UTC for reading in readings)
    assert readings[-1] >= max(instants)


def test_the_default_clock_in_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        readings = list(pool.map(lambda _: utc_now(), range(2000)))
    assert len(set(readings)) == 2000
