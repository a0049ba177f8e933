from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.errors import DataError, SubspaceError, UserError
from sdml.retrieval.gallery_block import squared_lengths
from sdml.retrieval.search import search
from sdml.retrieval.similarity import cosine_representation, posterior_representation


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 5).map(lambda n: max(1, n)),
    st.integers(1, 40),
    st.integers(1, 50),
    st.sampled_from([1, 3_000, 2**28]),
    st.integers(0, 2**32 - 1),
)
def test_search_is_a_stable_sort_of_all_scores(
    queries: int, gallery: int, top_k: int, block_bytes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    query_QK = rng.integers(-1, 2, (queries, 3)).astype(np.float32)
    gallery_GK = rng.integers(-1, 2, (gallery, 3)).astype(np.float32)
    made = search(query_QK, gallery_GK, top_k, block_bytes=block_bytes)
    query = cosine_representation(query_QK).astype(np.float64)
    scores = query @ cosine_representation(gallery_GK).astype(np.float64).T
    scores_QG = scores.astype(np.float32)
    wanted = np.argsort(-scores_QG, axis=1, kind="stable")[:, :top_k]
    assert made.indices_QT.tolist() == wanted.tolist()
    assert made.scores_QT.tolist() == np.take_along_axis(scores_QG, wanted, axis=1).tolist()


@pytest.mark.parametrize("multi_label", [(False, False), (True, True), (False, True)])
def test_a_memory_mapped_gallery_and_the_posterior(
    tmp_path: Path, multi_label: tuple[bool, bool]
) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "codes.npy", rng.normal(size=(300, 6)).astype(np.float32))
    gallery_GK = np.load(tmp_path / "codes.npy", mmap_mode="r")
    projection = np.linalg.qr(rng.normal(size=(6, 4)))[0]
    query_QK = rng.normal(size=(2, 6))
    made = search(
        query_QK,
        gallery_GK,
        7,
        similarity="posterior",
        projection_KC=projection,
        multi_label=multi_label,
        block_bytes=5_000,
    )
    rows = posterior_representation(gallery_GK, projection, multi_label=multi_label[1])
    scores = posterior_representation(query_QK, projection, multi_label=multi_label[0]) @ rows.T
    np.testing.assert_allclose(made.scores_QT, -np.sort(-scores, axis=1)[:, :7], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("queries", [1, 40])
def test_lengths_that_were_measured_before(dtype: np.dtype, queries: int) -> None:
    rng = np.random.default_rng(queries)
    gallery_GK = (rng.normal(size=(3000, 24)) * rng.uniform(0.5, 4, (3000, 1))).astype(dtype)
    query_QK = rng.normal(size=(queries, 24)).astype(np.float32)
    squares_G = squared_lengths(gallery_GK)
    np.testing.assert_allclose(squares_G, np.square(gallery_GK.astype(float)).sum(1), rtol=1e-5)
    made = search(query_QK, gallery_GK, 10, squares_G=squares_G, block_bytes=2**20)
    alone = search(query_QK, gallery_GK, 10, block_bytes=2**20)
    np.testing.assert_array_equal(made.indices_QT, alone.indices_QT)
    np.testing.assert_array_equal(made.scores_QT, alone.scores_QT)


def test_lengths_of_another_gallery_are_refused() -> None:
    with pytest.raises(DataError, match="one number for each of the 5 gallery items"):
        search(np.ones((1, 3)), np.ones((5, 3)), 1, squares_G=np.ones(4, np.float32))


def test_codes_that_are_not_finite_are_found_with_lengths_too() -> None:
    gallery_GK: np.ndarray = np.ones((5, 3), dtype=np.float32)
    gallery_GK[3, 1] = np.nan
    with pytest.raises(DataError, match="finite"):
        search(np.ones((1, 3)), gallery_GK, 1, squares_G=squared_lengths(gallery_GK))


def test_equal_codes_come_in_gallery_order() -> None:
    rng = np.random.default_rng(0)
    gallery_GK = np.repeat(rng.normal(size=(1, 512)).astype(np.float32), 333, axis=0)
    query_QK = rng.normal(size=(3, 512)).astype(np.float32)
    made = search(query_QK, gallery_GK, 300, block_bytes=10**6)
    assert made.indices_QT.tolist() == [list(range(300))] * 3


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.int8])
@pytest.mark.parametrize("queries", [1, 4, 5, 600])
@pytest.mark.parametrize("length", ["unit", "any", "tiny", "zero"])
def test_every_type_and_length_is_searched_exactly(dtype: type, queries: int, length: str) -> None:
    rng = np.random.default_rng(2)
    gallery = cosine_representation(rng.normal(size=(9000, 24)))
    if length == "any" or dtype is np.int8:
        gallery *= rng.uniform(1, 100, (9000, 1)).astype(np.float32)
    elif length == "tiny" and dtype is not np.float16:
        gallery[3] *= np.float32(1e-25)
    elif length == "zero":
        gallery[[0, 8999]] = 0
    gallery_GK: np.ndarray = gallery.astype(dtype)
    gallery_GK[8500:8600] = gallery_GK[:100]
    query_QK = rng.normal(size=(queries, 24))
    made = search(query_QK, gallery_GK, 20)
    scores = cosine_representation(query_QK).astype(np.float64) @ (
        cosine_representation(gallery_GK).astype(np.float64).T
    )
    wanted = np.argsort(-scores.astype(np.float32), axis=1, kind="stable")[:, :20]
    assert (made.indices_QT == wanted).all()
    assert (made.scores_QT == np.take_along_axis(scores.astype(np.float32), wanted, 1)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("case", ["hidden", "concentrated", "collapsed", "opposite", "far"])
def test_rows_that_a_few_columns_cannot_rule_out(dtype: type, case: str) -> None:
    rng = np.random.default_rng(5)
    gallery = rng.normal(size=(9000, 32))
    query_QK = rng.normal(size=(2, 32))
    if case == "hidden":  # nothing in the columns that are looked at first
        gallery[4200:5000, :4] = 0
        gallery[8000, 4:] = query_QK[0, 4:]
    elif case == "concentrated":
        gallery[:, :4] *= 50
    elif case == "collapsed":
        gallery[:] = query_QK[0] + 0.01 * gallery
    elif case == "opposite":
        gallery[:] = -query_QK[0] + 0.01 * gallery
    else:
        gallery[6000:] *= np.geomspace(1e-3, 1e3, 3000)[:, None]
    gallery_GK: np.ndarray = gallery.astype(dtype)
    made = search(query_QK, gallery_GK, 20)
    scores_QG = (
        cosine_representation(query_QK).astype(np.float64)
        @ cosine_representation(gallery_GK).astype(np.float64).T
    ).astype(np.float32)
    wanted = np.argsort(-scores_QG, axis=1, kind="stable")[:, :20]
    assert (made.indices_QT == wanted).all()
    assert (made.scores_QT == np.take_along_axis(scores_QG, wanted, 1)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_code_that_is_not_finite_is_found_anywhere(value: float) -> None:
    gallery_GK = np.random.default_rng(6).normal(size=(9000, 32)).astype(np.float32)
    gallery_GK[8000, 31] = value
    with pytest.raises(DataError, match="codes must be finite"):
        search(gallery_GK[:1], gallery_GK, 3)


def test_working_memory_keeps_to_its_bound(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name, made in (
        ("spread", rng.normal(size=(20_000, 64))),
        ("collapsed", np.repeat(rng.normal(size=(1, 64)), 20_000, axis=0)),
    ):
        np.save(tmp_path / f"{name}.npy", made.astype(np.float32))
        gallery_GK = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        bound = 8 * 2**20
        search(gallery_GK[:2], gallery_GK[:10], 1)
        tracemalloc.start()
        try:
            search(gallery_GK[:100], gallery_GK, 10, block_bytes=bound)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < bound + 100 * (64 * 24 + 10 * 200), name


def test_bad_input_is_refused() -> None:
    with pytest.raises(UserError, match="top_k"):
        search(np.eye(2), np.eye(2), 0)
    with pytest.raises(DataError, match="at least one row"):
        search(np.eye(2), np.zeros((0, 2)), 1)
    with pytest.raises(DataError, match="one width"):
        search(np.eye(2), np.eye(3), 1)
    with pytest.raises(DataError, match="gallery from row 0: codes must be finite"):
        search(np.eye(2), np.full((1, 2), np.inf), 1)
    with pytest.raises(SubspaceError, match="projection"):
        search(np.eye(2), np.eye(2), 1, similarity="posterior")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_codes_may_lie_in_memory_in_any_order(dtype: type) -> None:
    rng = np.random.default_rng(0)
    query_QK = rng.normal(size=(2, 6)).astype(np.float32)
    packed = np.zeros(40, dtype=[("flag", "u1"), ("code", dtype, 6)])
    packed["code"] = rng.normal(size=(40, 6))
    for gallery_GK in (packed["code"], packed["code"][::-1], packed["code"][:, ::-1]):
        found = search(query_QK, gallery_GK, 5)
        wanted = search(query_QK, gallery_GK.copy(order="C"), 5)
        assert found.indices_QT.tolist() == wanted.indices_QT.tolist()


def test_squares_that_overflow_are_no_cause_for_alarm() -> None:
    codes = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    wanted = search(codes[:2], codes, 5).indices_QT.tolist()
    assert (
        search(codes[:2] * np.float32(1e22), codes * np.float32(1e25), 5).indices_QT.tolist()
        == wanted
    )
    assert np.isinf(squared_lengths(codes * np.float32(1e25))).all()


def test_threads_must_be_positive() -> None:
    codes = np.eye(3, dtype=np.float32)
    with pytest.raises(UserError, match=r"threads must be at least 1; .* and -1"):
        search(codes, codes, 2, threads=-1)
