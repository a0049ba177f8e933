"""Cases of bad input: a given projection, the experiment file, and what commands are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sdml.steps.prepare import prepare as prepare_step
from sdml.steps.train import train as train_step
from tests.cli import bad_files as bad
from tests.cli.bad_files import NAN, OBJECTS, ORTHONORMAL, X, Y
from tests.cli.world import (
    EMBED,
    SEARCH,
    TRAIN,
    Arguments,
    World,
    case,
    projection,
    queries,
    score,
    sections,
    spoiled,
    text,
    trained,
    with_field,
)
from tests.steps import tiny

HEAD = b"collection: tiny\nstore: store\ntracking: null\n"
IMAGE = b"modalities: {image: {source: image.npz}}\n"


def mixed_subspaces(world: World) -> Arguments:
    """Two encoders of one subspace by their manifests, and of two by their weights."""
    arguments = trained("evaluate")(world)
    first = world.stored("subspaces/*")
    other = tiny.write_experiment(world.folder, "image", "text", subspace={"seed": 1})
    context = tiny.open_file(other)
    prepare_step(context)
    manifest = Path(train_step(context, "text").encoder) / "manifest.json"
    with_field("made_from", "subspace", value=f"subspaces/{first.name}")(manifest)
    tiny.write_experiment(world.folder, "image", "text")
    return arguments


CASES = {
    # a given projection
    "projection: no such file": case(projection("P.npy", bad.nothing), "P.npy", "cannot be read"),
    "projection: junk": case(projection("P.npy", bad.raw(bad.JUNK)), "P.npy", "cannot be read"),
    "projection: truncated": case(
        projection("P.mat", bad.cut(bad.mat5())), "P.mat", "cannot be read"
    ),
    "projection: not orthonormal": case(
        projection("P.npy", bad.npy(ORTHONORMAL * 1.01)), "P.npy", "orthonormal", "qr"
    ),
    "projection: NaN": case(
        projection("P.npy", bad.npy(ORTHONORMAL * np.nan)), "P.npy", "orthonormal"
    ),
    "projection: other rows": case(
        projection("P.npy", bad.npy(ORTHONORMAL), 12), "P.npy", "12 rows", "16×16"
    ),
    "projection: too few columns": case(
        projection("P.npy", bad.npy(ORTHONORMAL[:, :2])), "P.npy", "3 classes", "16×2"
    ),
    "projection: complex": case(
        projection("P.npy", bad.npy(ORTHONORMAL + 0j)), "P.npy", "real numbers"
    ),
    "projection: a file of another kind": case(
        projection("P.txt", bad.raw(b"1 0")), "P.txt", ".npy or .mat"
    ),
    "fewer dimensions than classes": case(
        sections("prepare", subspace={"dimension": 2}), "subspace.dimension", "K = 2", "C = 3"
    ),
    # the experiment file
    "experiment: no such file": case(text(None), "e.yaml", "No such file", "correct"),
    "experiment: a folder": case(
        lambda world: ["prepare", world.folder], "world", "cannot be read as an experiment"
    ),
    "experiment: junk": case(text(bad.JUNK), "e.yaml", "cannot be read as an experiment"),
    "experiment: empty file": case(text(b""), "e.yaml", "'collection' and 'modalities'"),
    "experiment: no YAML": case(text(b"a: [1"), "e.yaml", "not valid YAML", "line 1"),
    "experiment: a list": case(text(b"- a\n"), "e.yaml", "mapping", "list"),
    "experiment: truncated": case(text((HEAD + IMAGE)[:-8]), "e.yaml", "not valid YAML"),
    "experiment: unknown key": case(
        text(HEAD + b"train: {}\n" + IMAGE), "e.yaml: train: unknown key"
    ),
    "experiment: unknown key inside": case(
        sections("prepare", training={"lamda": 0.5}), "training.lamda: unknown key"
    ),
    "experiment: wrong type": case(
        sections("prepare", training={"epochs": "many"}), "training.epochs", "'many'"
    ),
    "experiment: impossible value": case(
        sections("prepare", training={"lambda": 1.5}),
        "training.lambda",
        "less than or equal to 1",
        "1.5",
    ),
    "experiment: impossible value of a modality": case(
        sections("prepare", modalities={"image": {"epochs": 0}}), "modalities.image.epochs", "0"
    ),
    "experiment: no collection": case(text(IMAGE), "collection: required"),
    "experiment: no modality": case(text(HEAD + b"modalities: {}\n"), "modalities", "at least one"),
    "experiment: a name that is not allowed": case(
        text(HEAD.replace(b"tiny", b"My Things") + IMAGE), "collection", "lower-case", "'My Things'"
    ),
    "experiment: a key twice": case(text(HEAD + HEAD + IMAGE), "'collection' stands twice"),
    "experiment: a variable that is not set": case(
        text(HEAD.replace(b"store\n", b"${NO_SUCH}\n") + IMAGE),
        "store",
        "NO_SUCH is not set",
        ":-default",
    ),
    "experiment: shares above one": case(
        sections("prepare", modalities={"image": {"split": {"train": 0.9, "test": 0.9}}}),
        "modalities.image.split",
        "must not exceed 1",
    ),
    # prepare and train
    "prepare: unknown modality": case(
        sections("prepare", "--modality", "audio"), "'audio'", "which has: image"
    ),
    "train: not prepared": case(sections(*TRAIN), "features of image", "sdml prepare"),
    "train: unknown modality": case(
        sections("train", "--modality", "audio"), "'audio'", "which has: image"
    ),
    "train: fewer samples than a batch": case(
        trained(*TRAIN, training={"batch_size": 37, "least_batches": 1}),
        "36 samples",
        "batch_size is 37",
        "lower",
    ),
    "train: no such device": case(
        trained(*TRAIN, training={"device": "tpu9"}), "training.device", "'tpu9'"
    ),
    "train: another subspace": case(
        trained(*TRAIN, subspace={"seed": 4}), "features of image", "sdml prepare"
    ),
    "train: diverges": case(
        trained(
            *TRAIN,
            training={
                "preset": "sdml-reference",
                "learning_rate": 1e30,
                "normalize_code": False,
                "normalize_reconstruction": False,
            },
        ),
        "finite",
        "lower learning_rate",
        code=1,
    ),
    # evaluate, embed, search
    "evaluate: nothing trained": case(sections("evaluate"), "at least two", "sdml train"),
    "evaluate: one modality": case(
        spoiled("encoders/text/*/manifest.json", Path.unlink, "evaluate"),
        "at least two",
        ": image",
        "sdml train",
    ),
    "evaluate: another subspace": case(
        trained("evaluate", subspace={"seed": 4}), "at least two", "none"
    ),
    "evaluate: mixed subspaces": case(
        mixed_subspaces, "encoders/text", "weights belong to subspace", "train again"
    ),
    "embed: nothing trained": case(
        sections("embed", "--modality", "image", "--input", "q.npy", "--output", "c.npy"),
        "no encoder of modality 'image'",
        "sdml train",
    ),
    "embed: unknown modality": case(
        trained("embed", "--modality", "audio", *EMBED[3:]), "'audio'", "image, text"
    ),
    "embed: another width": case(queries(X[:, :7], *EMBED), "q.npy", "takes 8 features", "not 7"),
    "embed: NaN": case(queries(NAN, *EMBED), "q.npy", "row 3, column 2"),
    "embed: no rows": case(queries(X[:0], *EMBED), "q.npy", "at least one"),
    "embed: objects": case(queries(OBJECTS, *EMBED), "q.npy", "never loaded"),
    "embed: no such input": case(
        trained(*EMBED[:4], "{folder}/none.npy", *EMBED[5:]), "none.npy", "does not exist"
    ),
    "embed: output is a folder": case(trained(*EMBED[:-1], "{folder}"), "is a folder", "--output"),
    "embed: output in no folder": case(
        trained(*EMBED[:-1], "{folder}/none/c.npy"), "none/c.npy", "does not exist", "--output"
    ),
    "search: no such row": case(trained(*SEARCH, "--row", "3"), "--row", "from 0 to 2", "not 3"),
    "search: no hits": case(trained(*SEARCH, "--top", "0"), "--top", "at least 1"),
    "search: unknown class": case(
        trained(*SEARCH, "--class", "cat"), "--class", "'cat'", "0, 1, 2"
    ),
    "search: unknown gallery": case(trained(*SEARCH[:-1], "audio"), "'audio'", "image, text"),
    "search: another width": case(queries(X[:, :7], *SEARCH), "q.npy", "takes 8 features", "not 7"),
    # score
    "score: no such file": case(
        score("--query", bad.nothing), "--query", "bad.npy", "does not exist"
    ),
    "score: a folder": case(score("--gallery", bad.folder), "--gallery", "bad.npy", "is a folder"),
    "score: empty file": case(
        score("--query", bad.raw(b"")), "--query", "bad.npy", "cannot be read"
    ),
    "score: junk": case(
        score("--gallery", bad.raw(bad.JUNK)), "--gallery", "bad.npy", "cannot be read"
    ),
    "score: truncated": case(
        score("--query", bad.cut(bad.npy(X))), "--query", "bad.npy", "cannot be read"
    ),
    "score: an archive": case(
        score("--query-labels", bad.npz()), "--query-labels", "bad.npy", "several arrays"
    ),
    "score: objects": case(
        score("--query-labels", bad.npy(OBJECTS)), "--query-labels", "bad.npy", "never loaded"
    ),
    "score: complex codes": case(score("--query", bad.npy(X + 1j)), "bad.npy", "complex"),
    "score: NaN": case(score("--gallery", bad.npy(np.full((9, 4), np.nan))), "bad.npy", "row 0"),
    "score: another width": case(
        score("--query", bad.npy(np.ones((6, 5)))), "one width", "5 and 4"
    ),
    "score: fewer labels": case(
        score("--query-labels", bad.npy(Y[:5])), "query", "5 labels for 6 codes"
    ),
    "score: labels are names": case(
        score("--gallery-labels", bad.npy(["a"] * 9)), "gallery", "whole numbers"
    ),
    "score: depth of none": case(
        score("--query", bad.npy(np.ones((6, 4))), "--top-k", "0"), "top_k", "at least 1"
    ),
}
