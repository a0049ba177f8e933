"""P is orthonormal, its identity covers P and its classes, and nothing else is accepted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from sdml.errors import IntegrityError, SubspaceError
from sdml.subspace import Subspace, orthonormal_columns
from sdml.tensorfile import pack, unpack

CLASSES = ("ant", "bee", "cat")


def orthonormal(rows: int, columns: int, seed: int = 5) -> npt.NDArray[np.float32]:
    gaussian = np.random.default_rng(seed).standard_normal((rows, columns))
    return np.linalg.qr(gaussian)[0].astype(np.float32)


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 2**32))
def test_random_columns_are_orthonormal(classes: int, more: int, seed: int) -> None:
    names = [str(c) for c in range(classes)]
    p_KC = Subspace.random(names, dimension=classes + more, seed=seed).projection_KC
    assert p_KC.shape == (classes + more, classes)
    assert p_KC.dtype == np.float32
    np.testing.assert_allclose(p_KC.T @ p_KC, np.eye(classes), atol=1e-6)


def test_random_is_gram_schmidt_of_a_seeded_gaussian() -> None:
    gaussian_KC = np.random.default_rng(7).standard_normal((16, 3))
    columns: list[npt.NDArray[np.float64]] = []
    for g_K in gaussian_KC.T:
        rest_K = g_K - sum((c_K @ g_K) * c_K for c_K in columns)
        columns.append(rest_K / np.linalg.norm(rest_K))
    subspace = Subspace.random(CLASSES, dimension=16, seed=7)
    np.testing.assert_allclose(subspace.projection_KC, np.stack(columns, axis=1), atol=1e-6)


def test_the_published_size() -> None:
    p_KC = Subspace.random([str(c) for c in range(80)], dimension=512, seed=0).projection_KC
    assert np.abs(p_KC.T @ p_KC - np.eye(80)).max() < 1e-6


def test_fewer_dimensions_than_classes() -> None:
    with pytest.raises(SubspaceError, match=r"K = 2 is smaller than C = 3"):
        Subspace.random(CLASSES, dimension=2, seed=0)


def test_identity_restated() -> None:
    subspace = Subspace.random(CLASSES, dimension=8, seed=0)
    text = subspace.projection_KC.astype("<f4").tobytes() + b"[8, 3]" + b'["ant", "bee", "cat"]'
    assert subspace.identity == hashlib.sha256(text).hexdigest()[:16]


def test_identity_covers_matrix_classes_and_their_order() -> None:
    same = Subspace.random(CLASSES, dimension=8, seed=0)
    others = [
        Subspace.random(CLASSES, dimension=8, seed=1),
        Subspace.random(CLASSES, dimension=9, seed=0),
        Subspace(same.projection_KC, ("bee", "ant", "cat")),
        Subspace(same.projection_KC, ("ant", "bee", "dog")),
    ]
    assert Subspace.random(CLASSES, dimension=8, seed=0).identity == same.identity
    assert len({same.identity, *(other.identity for other in others)}) == 5


def test_it_cannot_be_changed() -> None:
    given_KC = orthonormal(8, 3)
    subspace = Subspace(given_KC, CLASSES)
    before = subspace.identity
    given_KC[:] = 0
    with pytest.raises(ValueError, match="read-only"):
        subspace.projection_KC[0, 0] = 1
    assert Subspace(subspace.projection_KC, CLASSES).identity == before


@pytest.mark.parametrize(
    ("matrix", "classes", "message"),
    [
        (orthonormal(8, 3), ("a", "b"), "one column for each class"),
        (orthonormal(8, 3), ("a", "b", "a"), "distinct"),
        (orthonormal(8, 3)[:, 0], ("a",), "shape is 8"),
        (orthonormal(8, 3)[:, :0], (), "one column for each class"),
        (orthonormal(8, 3) * 1.001, CLASSES, "orthonormal"),
        (np.full((8, 3), np.nan, dtype=np.float32), CLASSES, "orthonormal"),
        (orthonormal(3, 3)[:2], CLASSES, "smaller"),
    ],
)
def test_bad_projections_are_refused(
    matrix: npt.NDArray[np.float32], classes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SubspaceError, match=message):
        Subspace(matrix, classes)


def test_bytes_there_and_back() -> None:
    subspace = Subspace.random(("ä", "b"), dimension=5, seed=0)
    data = subspace.to_bytes()
    back = Subspace.from_bytes(data, "f")
    assert back.classes == ("ä", "b")
    assert back.identity == subspace.identity
    assert back.dimension == 5
    assert back.to_bytes() == data


def test_damaged_bytes_are_refused_by_name() -> None:
    subspace = Subspace.random(CLASSES, dimension=8, seed=0)
    arrays, note = unpack(subspace.to_bytes(), "f")
    turned = {"projection": arrays["projection"][:, [1, 0, 2]]}
    wrong = [
        b"not at all",
        pack(arrays, {}),
        pack(arrays, {**note, "schema": 2}),
        pack(arrays, {**note, "classes": [1, 2, 3]}),
        pack(arrays, {**note, "classes": ["c", "b", "a"]}),
        pack(turned, note),
        pack({"projection": 2 * arrays["projection"]}, note),
        pack({"matrix": arrays["projection"]}, note),
    ]
    for data in wrong:
        with pytest.raises(IntegrityError, match=r"^subspaces/1"):
            Subspace.from_bytes(data, "subspaces/1")


def test_mixing_is_refused() -> None:
    subspace = Subspace.random(CLASSES, dimension=8, seed=0)
    subspace.check_same(subspace.identity, "the image encoder")
    with pytest.raises(SubspaceError, match=rf"the image encoder .* {subspace.identity}.*0123"):
        subspace.check_same("0123", "the image encoder")


class TestFromFile:
    def test_numpy_takes_the_first_columns(self, tmp_path: Path) -> None:
        square = orthonormal(8, 8)
        np.save(tmp_path / "p.npy", square)
        subspace = Subspace.from_file(tmp_path / "p.npy", CLASSES, dimension=8)
        np.testing.assert_array_equal(subspace.projection_KC, square[:, :3])

    @pytest.mark.parametrize("name", ["W", "P", "anything"])
    def test_matlab(self, tmp_path: Path, name: str) -> None:
        square = orthonormal(8, 8)
        scipy.io.savemat(tmp_path / "p.mat", {"count": 3.0, name: square, "zz": np.zeros((4, 4))})
        subspace = Subspace.from_file(tmp_path / "p.mat", CLASSES, dimension=8)
        np.testing.assert_array_equal(subspace.projection_KC, square[:, :3])

    @pytest.mark.parametrize(
        ("matrix", "message"),
        [
            (orthonormal(9, 9), "8 rows"),
            (orthonormal(8, 2), "3 classes need"),
            (orthonormal(8, 8) * 2, "orthonormal"),
            (np.zeros(8), "one matrix"),
            (np.full((8, 8), "x"), "real numbers"),
            (np.full((8, 8), 1j), "real numbers"),
        ],
    )
    def test_bad_matrices_are_refused(
        self, tmp_path: Path, matrix: npt.NDArray[np.float32], message: str
    ) -> None:
        path = tmp_path / "p.npy"
        np.save(path, matrix)
        with pytest.raises(SubspaceError, match=rf"p\.npy: .*{message}"):
            Subspace.from_file(path, CLASSES, dimension=8)

    @pytest.mark.parametrize("name", ["p.npy", "p.mat", "p.txt", "absent.npy"])
    def test_unreadable_files(self, tmp_path: Path, name: str) -> None:
        if name != "absent.npy":
            (tmp_path / name).write_bytes(json.dumps([1]).encode() * 30)
        with pytest.raises(SubspaceError, match=name):
            Subspace.from_file(tmp_path / name, CLASSES, dimension=8)

    def test_matlab_without_numbers(self, tmp_path: Path) -> None:
        scipy.io.savemat(tmp_path / "p.mat", {"text": "abc"})
        with pytest.raises(SubspaceError, match="text"):
            Subspace.from_file(tmp_path / "p.mat", CLASSES, dimension=8)


class TestSimplex:
    @settings(deadline=None)
    @given(st.integers(2, 20), st.integers(-1, 20), st.integers(0, 2**32))
    def test_columns_have_length_one_and_one_angle(
        self, classes: int, more: int, seed: int
    ) -> None:
        names = [str(c) for c in range(classes)]
        subspace = Subspace.simplex(names, dimension=classes + more, seed=seed)
        p_KC = subspace.projection_KC
        assert p_KC.shape == (classes + more, classes)
        np.testing.assert_allclose(p_KC.sum(1), 0, atol=1e-5)
        for one in range(classes):
            for other in range(classes):
                expected = 1 if one == other else -1 / (classes - 1)
                assert p_KC[:, one] @ p_KC[:, other] == pytest.approx(expected, abs=1e-5)

    def test_the_seed_turns_it(self) -> None:
        first, same, other = (
            Subspace.simplex(CLASSES, dimension=8, seed=seed).identity for seed in (0, 0, 1)
        )
        assert first == same != other

    def test_bytes_there_and_back(self) -> None:
        subspace = Subspace.simplex(CLASSES, dimension=2, seed=0)
        back = Subspace.from_bytes(subspace.to_bytes(), "f")
        assert (back.form, back.identity) == ("simplex", subspace.identity)
        arrays, note = unpack(subspace.to_bytes(), "f")
        for form in ("orthonormal", "cube"):
            with pytest.raises(IntegrityError, match=r"^f"):
                Subspace.from_bytes(pack(arrays, {**note, "form": form}), "f")

    def test_no_room_and_no_simplex(self) -> None:
        with pytest.raises(SubspaceError, match="K = 1 is smaller than C = 3 less 1"):
            Subspace.simplex(CLASSES, dimension=1, seed=0)
        with pytest.raises(SubspaceError, match="two classes"):
            Subspace.simplex(("a",), dimension=4, seed=0)
        with pytest.raises(SubspaceError, match="simplex"):
            Subspace(orthonormal(8, 3), CLASSES, "simplex")


def test_the_unit_matrix_is_orthonormal_and_its_file_is_of_the_old_form() -> None:
    subspace = Subspace.unit(CLASSES)
    np.testing.assert_array_equal(subspace.projection_KC, np.eye(3))
    assert "form" not in unpack(subspace.to_bytes(), "f")[1]


def test_which_columns_are_orthonormal() -> None:
    assert orthonormal_columns(orthonormal(8, 3))
    assert not orthonormal_columns(Subspace.simplex(CLASSES, dimension=8, seed=0).projection_KC)
    assert not orthonormal_columns(2 * orthonormal(8, 3))
