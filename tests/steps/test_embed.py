from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdml.errors import DataError, NotFoundError, StoreAccessError
from sdml.steps.embed import embed
from sdml.steps.encoders import codes_of, newest_encoder, open_encoder
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.steps import tiny
from tests.steps.conftest import MakeContext

WORDS = ("red apple", "green pear", "blue plum")


def test_codes_are_those_of_evaluation(finished: Path, tmp_path: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    source = tiny.arrays("image")
    np.save(tmp_path / "x.npy", source["X"][source["split"] == 2])
    made = embed(context, "image", str(tmp_path / "x.npy"), tmp_path / "codes.npy")
    encoder = open_encoder(context, newest_encoder(context, "image"))
    expected_NK, _ = codes_of(context, encoder, "test")
    codes_NK = np.load(tmp_path / "codes.npy")
    assert codes_NK.dtype == np.float32
    assert np.array_equal(codes_NK, expected_NK)
    assert np.allclose(np.linalg.norm(codes_NK, axis=1), 1)
    assert made.output == tmp_path / "codes.npy"
    assert (made.shape, made.encoder) == ((12, 16), encoder.version.uri)


@pytest.mark.parametrize("transform", [["l2"], ["standardize"], ["l2", "standardize"]])
def test_transforms_of_the_training_are_applied(
    make: MakeContext, tmp_path: Path, transform: list[str]
) -> None:
    context = make("image", modalities={"image": {"transform": transform}})
    prepare(context)
    train(context, "image")
    source = tiny.arrays("image")
    np.save(tmp_path / "x.npy", source["X"][source["split"] == 2])
    embed(context, "image", str(tmp_path / "x.npy"), tmp_path / "codes.npy")
    encoder = open_encoder(context, newest_encoder(context, "image"))
    expected_NK, _ = codes_of(context, encoder, "test")
    assert np.array_equal(np.load(tmp_path / "codes.npy"), expected_NK)


def test_the_key_of_the_source_is_the_key_of_new_files(make: MakeContext, tmp_path: Path) -> None:
    context = make("image", modalities={"image": {"keys": {"features": "pixels"}}})
    data = tiny.arrays("image")
    data["pixels"] = data.pop("X")
    np.savez(tmp_path / "image.npz", **data)
    prepare(context)
    train(context, "image")
    np.savez(tmp_path / "new.npz", other=data["pixels"][:, :2], pixels=data["pixels"][:4])
    assert embed(context, "image", str(tmp_path / "new.npz"), tmp_path / "c.npy").shape == (4, 16)


def test_raw_texts_go_through_the_fitted_extractor(make: MakeContext, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    lines = ["text,y"] + [f"{WORDS[i % 3]} {'very ' * (i // 3)}nice,{i % 3}" for i in range(60)]
    (tmp_path / "words.csv").write_text("\n".join(lines) + "\n")
    context = make(
        "image",
        modalities={
            "text": {
                "source": "words.csv",
                "extractor": "bag_of_words",
                "keys": {"features": "text"},
            }
        },
    )
    prepare(context, modalities=["text"])
    train(context, "text")
    new = tmp_path / "new"
    new.mkdir()
    (new / "b.txt").write_text("a very green pear")
    (new / "a.txt").write_text("the red apple")
    (new / "c.txt").write_text("the red apple")
    codes = tmp_path / "codes.npy"
    assert embed(context, "text", str(new / "*.txt"), codes).shape == (3, 16)
    a_K, b_K, c_K = np.load(codes)
    assert np.array_equal(a_K, c_K)
    assert not np.allclose(a_K, b_K, atol=1e-3)
    assert embed(context, "text", str(new / "b.txt"), codes).shape == (1, 16)
    # Not the same bits: a product of one row is rounded otherwise than one of three.
    assert np.allclose(np.load(codes)[0], b_K, atol=1e-6)
    (tmp_path / "new.csv").write_text("text\nthe red apple\n")
    embed(context, "text", str(tmp_path / "new.csv"), codes)
    assert np.allclose(np.load(codes)[0], a_K, atol=1e-6)


def test_a_single_vector_is_one_sample(finished: Path, tmp_path: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    np.save(tmp_path / "x.npy", tiny.arrays("image")["X"][0])
    assert embed(context, "image", str(tmp_path / "x.npy"), tmp_path / "c.npy").shape == (1, 16)


def test_another_width_is_refused_and_nothing_written(finished: Path, tmp_path: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    np.save(tmp_path / "x.npy", np.ones((3, 9)))
    with pytest.raises(DataError, match=r"x\.npy: the image encoder takes 8 features.*not 9"):
        embed(context, "image", str(tmp_path / "x.npy"), tmp_path / "codes.npy")
    assert not (tmp_path / "codes.npy").exists()


def test_a_modality_without_encoder_is_refused(finished: Path, tmp_path: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    with pytest.raises(NotFoundError, match=r"'audio'.*image, text"):
        embed(context, "audio", "x.npy", tmp_path / "codes.npy")


def test_an_output_that_names_no_file_is_refused(finished: Path, tmp_path: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    np.save(tmp_path / "x.npy", tiny.arrays("image")["X"])
    before = sorted(tmp_path.iterdir())
    for output in (tmp_path, tmp_path / "none" / "codes.npy", tmp_path / "x.npy" / "codes.npy"):
        with pytest.raises((DataError, StoreAccessError), match="--output"):
            embed(context, "image", str(tmp_path / "x.npy"), output)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("given", ["x.npy", "here/../x.npy", "symbolic.npy", "hard.npy"])
def test_the_samples_are_not_replaced_by_their_codes(
    finished: Path, tmp_path: Path, given: str
) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    source = tmp_path / "x.npy"
    np.save(source, tiny.arrays("image")["X"])
    (tmp_path / "here").mkdir()
    (tmp_path / "symbolic.npy").symlink_to(source)
    (tmp_path / "hard.npy").hardlink_to(source)
    before = source.read_bytes()
    with pytest.raises(DataError, match=r"must not replace the samples.*name another"):
        embed(context, "image", str(source), tmp_path / given)
    assert source.read_bytes() == before
    assert (tmp_path / "symbolic.npy").is_symlink()


def test_no_file_of_a_glob_is_replaced_by_codes(finished: Path, tmp_path: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    (tmp_path / "a.wav").write_bytes(b"a recording")
    with pytest.raises(DataError, match=r"must not replace the samples.*\*\.wav"):
        embed(context, "image", str(tmp_path / "*.wav"), tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == b"a recording"


def test_an_existing_output_is_replaced_whole(finished: Path, tmp_path: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    np.save(tmp_path / "x.npy", tiny.arrays("image")["X"])
    (tmp_path / "codes.npy").write_bytes(b"old" * 100_000)
    embed(context, "image", str(tmp_path / "x.npy"), tmp_path / "codes.npy")
    assert np.load(tmp_path / "codes.npy").shape == (60, 16)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
