from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.errors import DataError, UserError
from sdml.retrieval import merge, search, search_shards


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 12), min_size=1, max_size=5))
def test_shards_give_what_the_whole_gallery_gives(seed: int, sizes: list[int]) -> None:
    generator = np.random.default_rng(seed)
    # Few distinct codes: ties within shards and across them.
    gallery_GK = generator.integers(-1, 2, size=(sum(sizes), 3)).astype(np.float32)
    query_QK = generator.normal(size=(4, 3)).astype(np.float32)
    top = int(generator.integers(1, sum(sizes) + 3))
    shards = np.split(gallery_GK, np.cumsum(sizes)[:-1])
    whole = search(query_QK, gallery_GK, top, threads=1)
    found = search_shards(query_QK, shards, top, threads=1)
    assert found.indices_QT.tolist() == whole.indices_QT.tolist()
    assert found.scores_QT.tolist() == whole.scores_QT.tolist()


def test_the_posterior_is_merged_too() -> None:
    generator = np.random.default_rng(0)
    gallery_GK, query_QK = generator.normal(size=(50, 8)), generator.normal(size=(3, 8))
    projection_KC = np.linalg.qr(generator.normal(size=(8, 4)))[0]
    how = {"similarity": "posterior", "projection_KC": projection_KC}
    whole = search(query_QK, gallery_GK, 7, **how)  # type: ignore[arg-type]
    found = search_shards(query_QK, [gallery_GK[:20], gallery_GK[20:]], 7, **how)  # type: ignore[arg-type]
    assert found.indices_QT.tolist() == whole.indices_QT.tolist()


def test_memory_mapped_shards_of_half_precision(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    gallery_GK = generator.normal(size=(60, 8)).astype(np.float16)
    for number, part in enumerate(np.array_split(gallery_GK, 3)):
        np.save(tmp_path / f"{number}.npy", part)
    shards = [np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in range(3)]
    query_QK = generator.normal(size=(2, 8))
    found = search_shards(query_QK, shards, 5)
    assert found.indices_QT.tolist() == search(query_QK, gallery_GK, 5).indices_QT.tolist()


def test_results_that_do_not_belong_together_are_refused() -> None:
    codes = np.eye(4, dtype=np.float32)
    deep, shallow = search(codes, codes, 3), search(codes, codes, 2)
    few = search(codes[:2], codes, 3)
    with pytest.raises(DataError, match="at least 3 deep"):
        merge([deep, shallow], [4, 4], 3)
    with pytest.raises(DataError, match="same queries"):
        merge([deep, few], [4, 4], 3)
    with pytest.raises(UserError, match="at least 1"):
        merge([deep], [4], 0)
    with pytest.raises(DataError, match="received none"):
        search_shards(codes, [], 3)


def test_places_beyond_what_32_bits_hold_are_kept() -> None:
    codes = np.eye(2, dtype=np.float32)
    found = merge([search(codes, codes, 2)] * 2, [2**31, 2], 2)
    assert found.indices_QT[0].tolist() == [0, 2**31]


def test_the_shard_that_is_wrong_is_named() -> None:
    codes = np.eye(4, dtype=np.float32)
    bad = codes.copy()
    bad[2, 1] = np.nan
    with pytest.raises(
        DataError, match=r"^shard 1 \(counted from 0\): gallery from row 0: .*row 2"
    ):
        search_shards(codes, [codes, bad], 2)
    with pytest.raises(DataError, match=r"^b.npy: .* one width"):
        search_shards(codes, [codes, codes[:, :3]], 2, names=["a.npy", "b.npy"])
    with pytest.raises(DataError, match=r"^query: codes must be finite"):
        search_shards(bad, [codes, codes], 2)
