"""Arrays and a note survive; anything else is refused with one kind of error."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import numpy as safetensors_numpy

from sdml.errors import IntegrityError
from sdml.tensorfile import pack, unpack

ARRAYS: dict[str, npt.NDArray[Any]] = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.ones(4, dtype=np.int64),
}
NOTE = {"z": 1, "ä": ["x", None], "nested": {"t": 0.5}}


def test_what_was_packed_comes_back() -> None:
    arrays, note = unpack(pack(ARRAYS, NOTE), "f")
    assert note == NOTE
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_order_does_not_matter() -> None:
    turned = pack(dict(reversed(ARRAYS.items())), dict(reversed(NOTE.items())))
    assert turned == pack(ARRAYS, NOTE)


def test_a_transposed_array_keeps_its_values() -> None:
    arrays, _ = unpack(pack({"t": ARRAYS["b"].T}, {}), "f")
    np.testing.assert_array_equal(arrays["t"], ARRAYS["b"].T)


def test_any_reader_of_safetensors_can_open_it() -> None:
    loaded = safetensors_numpy.load(pack(ARRAYS, NOTE))
    np.testing.assert_array_equal(loaded["b"], ARRAYS["b"])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 100,
        pack(ARRAYS, NOTE)[:-1],
        safetensors_numpy.save(ARRAYS),
        safetensors_numpy.save(ARRAYS, metadata={"sdml": "{"}),
        safetensors_numpy.save(ARRAYS, metadata={"sdml": json.dumps([1])}),
    ],
    ids=["empty", "noise", "cut", "no note", "broken note", "note is a list"],
)
def test_anything_else_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"store/x\.safetensors"):
        unpack(data, "store/x.safetensors")


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(min_value=0, max_value=300))
def test_damage_gives_no_other_error(noise: bytes, at: int) -> None:
    good = pack(ARRAYS, NOTE)
    try:
        arrays, _ = unpack(good[:at] + noise + good[at + len(noise) :], "f.safetensors")
    except IntegrityError as error:
        assert "f.safetensors" in str(error)  # noqa: PT017  (damage may also go unseen)
    else:
        assert all(isinstance(array, np.ndarray) for array in arrays.values())
