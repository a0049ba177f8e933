"""The kernels run as plain Python too, so they are tested where numba is absent."""

from __future__ import annotations

import importlib.util
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sdml.errors import DataError
from sdml.retrieval import compiled_products, search
from sdml.retrieval.compiled_products import (
    MOST_QUERIES,
    TASK_ROWS,
    WORTHWHILE,
    multiply_half_rows,
    multiply_rows,
    products_kernel,
    products_kernel_for,
)

Kernel = Callable[..., None]
TYPES = [np.float32, np.float16]
PLAIN: dict[str, Kernel] = {"float32": multiply_rows, "float16": multiply_half_rows}
with_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba (the extra 'fast') is not installed"
)


def every_half() -> np.ndarray:
    """All finite float16 there are, in rows of 8: zeros of both signs and subnormal ones too."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    return halves[np.isfinite(halves)].reshape(-1, 8)


def products(
    kernel: Kernel, codes_BK: np.ndarray, query_RK: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    squares = np.full(len(codes_BK), np.nan, dtype=np.float32)
    scores = np.full((len(query_RK), len(codes_BK)), np.nan, dtype=np.float32)
    bits = codes_BK.view(np.uint16) if codes_BK.dtype == np.float16 else codes_BK
    for first in range(0, len(codes_BK), TASK_ROWS):
        kernel(bits, query_RK, first, squares, scores)
    return squares, scores


def exact_best(
    query_QK: np.ndarray, gallery_GK: np.ndarray, top: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of codes rounded to unit float32 rows, summed in float64; ties in gallery order."""
    units = []
    for codes in (query_QK, gallery_GK):
        wide = codes.astype(np.float64)
        lengths = np.sqrt((wide**2).sum(axis=1, keepdims=True))
        units.append((wide / np.where(lengths > 0, lengths, 1)).astype(np.float32))
    scores = (units[0].astype(np.float64) @ units[1].astype(np.float64).T).astype(np.float32)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return order, np.take_along_axis(scores, order, axis=1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("queries", [1, 3])
def test_products_and_squares_of_plain_python(dtype: type, queries: int) -> None:
    rng = np.random.default_rng(queries)
    codes: np.ndarray = rng.normal(size=(40, 24)).astype(dtype)
    codes[3] = 0
    query = rng.normal(size=(queries, 24)).astype(np.float32)
    squares, scores = products(PLAIN[np.dtype(dtype).name], codes, query)
    wide = codes.astype(np.float64)
    np.testing.assert_allclose(squares, (wide**2).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(scores, query @ wide.T, atol=1e-5)


def test_every_float16_is_widened_exactly() -> None:
    halves = every_half()[::37]  # plain Python is slow
    for column in range(8):
        query = np.eye(8, dtype=np.float32)[[column]]
        scores = products(multiply_half_rows, halves, query)[1]
        assert scores[0].tolist() == halves[:, column].astype(np.float64).tolist()


@with_numba
@pytest.mark.parametrize("queries", [1, 8])
def test_every_float16_is_widened_exactly_by_machine_code(queries: int) -> None:
    kernel = products_kernel("float16")
    assert kernel is not None
    halves = every_half()
    squares, scores = products(kernel, halves, np.eye(8, dtype=np.float32)[:queries])
    assert (scores == halves.T[:queries].astype(np.float64)).all()
    exact = (halves.astype(np.float64) ** 2).sum(axis=1)
    long = exact >= 2**32
    assert np.isinf(squares[exact > 1.0001 * 2**32]).all()
    np.testing.assert_allclose(squares[~long], exact[~long], rtol=1e-6)


@with_numba
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("width", [1, 15, 16, 100, 512])
@pytest.mark.parametrize("queries", [1, 2, MOST_QUERIES])
def test_machine_code_keeps_to_the_bound_of_the_error(
    dtype: type, width: int, queries: int
) -> None:
    rng = np.random.default_rng(width)
    codes: np.ndarray = rng.normal(size=(TASK_ROWS + 3, width)).astype(dtype)
    query = rng.normal(size=(queries, width)).astype(np.float32)
    kernel = products_kernel(codes.dtype.name)
    assert kernel is not None
    squares, scores = products(kernel, codes, query)
    wide, query_wide = codes.astype(np.float64), query.astype(np.float64)
    exact = (wide**2).sum(axis=1)
    assert (np.abs(squares - exact) <= width * 2.0**-24 * exact).all()
    bound = width * 2.0**-24 * (np.abs(query_wide) @ np.abs(wide).T)
    assert (np.abs(scores - query_wide @ wide.T) <= bound).all()


@with_numba
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("length", ["unit", "any", "subnormal", "long", "zero", "integers"])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_search_is_exact(dtype: type, length: str, threads: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    gallery: np.ndarray = rng.normal(size=(9000, 24))
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    if length == "any":
        gallery *= rng.uniform(0.1, 100, (9000, 1))
    elif length == "subnormal":  # for float16, and many of them round to zero
        gallery *= rng.choice([1, 2.0**-16, 2.0**-20], (9000, 1))
    elif length == "long":  # near the greatest float16, where squares look as if not finite
        gallery *= rng.choice([1, 1000, 65000], (9000, 1))
    elif length == "zero":
        gallery[[0, 8999]] = 0
    elif length == "integers":  # many ties
        gallery = rng.integers(-1, 2, (9000, 24))
    codes: np.ndarray = gallery.astype(dtype)
    codes[8500:8600] = codes[:100]
    np.save(tmp_path / "codes.npy", codes)
    gallery_GK = np.load(tmp_path / "codes.npy", mmap_mode="r")
    for queries, block_bytes in ((1, 2**28), (4, 100_000), (MOST_QUERIES, 2**20), (9, 2**28)):
        query_QK = rng.normal(size=(queries, 24)).astype(np.float32)
        query_QK[0] = codes[50] if length == "integers" else query_QK[0]
        order, scores = exact_best(query_QK, codes, 20)
        for compiled in (True, False):
            made = search(
                query_QK,
                gallery_GK,
                20,
                threads=threads,
                compiled=compiled,
                block_bytes=block_bytes,
            )
            assert made.indices_QT.tolist() == order.tolist()
            assert made.scores_QT.tolist() == scores.tolist()


@with_numba
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("queries", [1, 5])
def test_a_code_that_is_not_finite_is_found(dtype: type, value: float, queries: int) -> None:
    gallery_GK: np.ndarray = np.random.default_rng(6).normal(size=(9000, 32)).astype(dtype)
    gallery_GK[8000, 31] = value
    with pytest.raises(DataError, match="codes must be finite"):
        search(gallery_GK[:queries], gallery_GK, 3, compiled=True)


@with_numba
def test_the_row_that_is_not_finite_is_named() -> None:
    gallery_GK = np.random.default_rng(6).normal(size=(20_000, 32)).astype(np.float32)
    gallery_GK[[5, 9000]] = 0
    gallery_GK[16_500, 3] = np.inf
    with pytest.raises(DataError, match=r"gallery from row 16384: .* in row 116"):
        search(gallery_GK[:1], gallery_GK, 3, compiled=True)


@with_numba
def test_a_row_of_nan_alone_is_found() -> None:
    gallery_GK: np.ndarray = np.ones((50, 32), dtype=np.float16)
    gallery_GK[40] = np.nan
    with pytest.raises(DataError, match="codes must be finite"):
        search(gallery_GK[:1], gallery_GK, 3, compiled=True)


@with_numba
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("case", ["spread", "equal", "zero"])
def test_working_memory_keeps_to_its_bound(dtype: type, case: str) -> None:
    gallery: np.ndarray = np.random.default_rng(3).normal(size=(20_000, 64))
    if case == "equal":
        gallery[:] = gallery[0]
    elif case == "zero":
        gallery[::100] = 0
    gallery_GK: np.ndarray = gallery.astype(dtype)
    search(gallery_GK[:2], gallery_GK[:10], 1, compiled=True)
    bound = 4 * 2**20  # less than the codes take
    tracemalloc.start()
    try:
        search(gallery_GK[:8], gallery_GK, 10, compiled=True, threads=1, block_bytes=bound)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < bound


@pytest.mark.parametrize(
    "codes",
    [
        np.ones((4, 3)),
        np.ones((4, 3), dtype=">f4"),
        np.ones((4, 3), dtype=np.int8),
        np.ones((3, 4), dtype=np.float32).T,
        np.ones((4, 6), dtype=np.float16)[:, ::2],
        np.frombuffer(b"\0" * 49, dtype=np.uint8)[1:].view(np.float32).reshape(4, 3),
    ],
    ids=["float64", "big-endian", "int8", "columns first", "gaps", "not aligned"],
)
def test_other_codes_are_searched_without(codes: np.ndarray) -> None:
    assert products_kernel_for(codes, 1, True) is None
    search(np.ones((1, 3)), codes, 2, compiled=True)


def test_numbers_taken_for_zero_by_the_processor() -> None:
    halves = np.random.default_rng(0).normal(size=(500, 12)) * 2.0**-18
    codes = halves.astype(np.float16)
    query_QK = np.random.default_rng(1).normal(size=(1, 12)).astype(np.float32)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot take subnormal numbers for zero")
    try:
        assert products_kernel_for(codes, 1, True) is None
    finally:
        torch.set_flush_denormal(False)
    order, scores = exact_best(query_QK, codes, 5)
    made = search(query_QK, codes, 5, compiled=True)
    assert made.indices_QT.tolist() == order.tolist()
    assert made.scores_QT.tolist() == scores.tolist()


@pytest.fixture
def nothing_searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No search came before; the kernels asked for are listed instead of made."""
    asked: list[str] = []
    monkeypatch.setattr(compiled_products, "_searched", 0)
    monkeypatch.setattr(compiled_products, "products_kernel", asked.append)
    return asked


def shown(items: int, dtype: type) -> np.ndarray:
    """A gallery of width 100 that takes no memory."""
    gallery_GK: np.ndarray = np.empty((items, 100), dtype=dtype)
    return gallery_GK


def test_it_is_compiled_when_searches_would_have_repaid_it(nothing_searched: list[str]) -> None:
    gallery_GK = shown(WORTHWHILE // 100 // 400, np.float32)
    for _ in range(99):
        products_kernel_for(gallery_GK, 4, None)
        products_kernel_for(gallery_GK, MOST_QUERIES + 1, None)
        products_kernel_for(gallery_GK[:, 1:], 4, None)
        products_kernel_for(gallery_GK, 4, False)
    assert nothing_searched == []
    products_kernel_for(gallery_GK, 4, None)
    products_kernel_for(shown(1, np.float16), 1, None)
    assert nothing_searched == ["float32", "float16"]


def test_one_great_search_is_compiled(nothing_searched: list[str]) -> None:
    products_kernel_for(shown(WORTHWHILE // 800, np.float32), 8, None)
    assert nothing_searched == ["float32"]


def test_without_numba_the_search_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    gallery_GK = rng.normal(size=(500, 12)).astype(np.float16)
    query_QK = rng.normal(size=(2, 12)).astype(np.float32)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "numba" else find_spec(name)
    )
    products_kernel.cache_clear()
    try:
        assert products_kernel("float16") is None
        made = search(query_QK, gallery_GK, 5, compiled=True)
    finally:
        products_kernel.cache_clear()
    assert made.indices_QT.tolist() == exact_best(query_QK, gallery_GK, 5)[0].tolist()
