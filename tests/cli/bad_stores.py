"""Cases of bad input: a store that is damaged or out of reach, tracking, unsent events, init."""

from __future__ import annotations

from pathlib import Path

from tests.cli import bad_files as bad
from tests.cli.bad_files import Content
from tests.cli.world import (
    EMBED,
    SEARCH,
    TRAIN,
    Arguments,
    Arrange,
    World,
    case,
    sections,
    spoiled,
    tampered,
    trained,
    truncated,
    with_field,
)


def resend(content: Content) -> Arrange:
    """``sdml resend`` of such a file."""

    def arrange(world: World) -> Arguments:
        content(world.folder / "a.jsonl")
        return ["resend", world.folder / "a.jsonl"]

    return arrange


def init(output: str, content: Content) -> Arrange:
    """``sdml init`` of such a file."""

    def arrange(world: World) -> Arguments:
        content(world.folder / "a.npz")
        return ["init", world.folder / "a.npz", "--output", world.folder / output]

    return arrange


CASES = {
    # what is stored
    "store: tampered projection": case(
        spoiled("subspaces/*/projection.safetensors", tampered, "prepare"),
        "projection.safetensors",
        "sha256",
        "restore",
        code=1,
    ),
    "store: truncated projection": case(
        spoiled("subspaces/*/projection.safetensors", truncated, *TRAIN),
        "projection.safetensors",
        "bytes",
        "restore",
        code=1,
    ),
    "store: missing projection": case(
        spoiled("subspaces/*/projection.safetensors", Path.unlink, *SEARCH),
        "projection.safetensors",
        "missing",
        "restore",
        code=1,
    ),
    "store: tampered features": case(
        spoiled("features/image/*/train.features.npy", tampered, *TRAIN),
        "train.features.npy",
        "sha256",
        code=1,
    ),
    "store: truncated features": case(
        spoiled("features/text/*/test.features.npy", truncated, "evaluate"),
        "test.features.npy",
        "bytes",
        code=1,
    ),
    "store: missing labels": case(
        spoiled("features/text/*/test.labels.npy", Path.unlink, *SEARCH),
        "test.labels.npy",
        "missing",
        code=1,
    ),
    "store: tampered encoder": case(
        spoiled("encoders/image/*/encoder.safetensors", tampered, *EMBED),
        "encoder.safetensors",
        "sha256",
        code=1,
    ),
    "store: truncated encoder": case(
        spoiled("encoders/image/*/encoder.safetensors", truncated, "evaluate"),
        "encoder.safetensors",
        "bytes",
        code=1,
    ),
    "store: missing transform": case(
        spoiled("encoders/image/*/transform.json", Path.unlink, *EMBED),
        "transform.json",
        "missing",
        code=1,
    ),
    "store: tampered report": case(
        spoiled("reports/*/report.json", tampered, "list", "--verify"),
        "1 of",
        "report.json",
        "sha256",
        code=1,
    ),
    "store: truncated manifest of a subspace": case(
        spoiled("subspaces/*/manifest.json", truncated, "prepare"),
        "manifest.json",
        "not a readable manifest",
        code=1,
    ),
    "store: missing manifest of a subspace": case(
        spoiled("subspaces/*/manifest.json", Path.unlink, *EMBED),
        "no encoder of modality 'image'",
        code=2,
    ),
    "store: manifest of a subspace without settings": case(
        spoiled("subspaces/*/manifest.json", with_field("settings", value={}), *TRAIN),
        "manifest.json",
        "settings",
        code=1,
    ),
    "store: empty manifest of features": case(
        spoiled("features/image/*/manifest.json", bad.raw(b""), *TRAIN),
        "manifest.json",
        "not a readable manifest",
        code=1,
    ),
    "store: features for nothing": case(
        spoiled("features/image/*/manifest.json", with_field("made_from", value={}), *TRAIN),
        "features of image",
        "sdml prepare",
    ),
    "store: missing manifest of features": case(
        spoiled("features/image/*/manifest.json", Path.unlink, *EMBED),
        "features/image",
        "no complete version",
    ),
    "store: manifest of an encoder that lies elsewhere": case(
        spoiled("encoders/image/*/manifest.json", with_field("modality", value="text"), "evaluate"),
        "manifest.json",
        "copied by hand",
        code=1,
    ),
    "store: encoder made from nothing": case(
        spoiled("encoders/image/*/manifest.json", with_field("made_from", value={}), *EMBED),
        "manifest.json",
        "must name the subspace",
        code=1,
    ),
    "store: manifest of another schema": case(
        spoiled("encoders/image/*/manifest.json", with_field("schema", value=2), "list"),
        "manifest.json",
        "schema 2",
        "newer version",
        code=1,
    ),
    "store: a file": case(
        sections("prepare", store="image.npz"), "image.npz", "a file, not a folder", "another store"
    ),
    "store: below a file": case(
        sections("prepare", store="image.npz/store"), "image.npz/store", "a file, not a folder"
    ),
    "store: not writable": case(
        sections("prepare", store="/sys/store"), "/sys/store", "not permitted", "another store"
    ),
    "store: another scheme": case(
        sections("prepare", store="gs://bucket"), "gs://", "a folder or s3://bucket/prefix"
    ),
    "store: a bucket without a name": case(
        sections("prepare", store="s3://"), "s3://bucket", "AWS"
    ),
    # tracking and the rest
    "tracking: another scheme": case(
        trained(*TRAIN, tracking="ftp://host"), "tracking must be", "ftp://host"
    ),
    "tracking: no host": case(trained(*TRAIN, tracking="http://"), "tracking must be", "http://"),
    "tracking: a database that is none": case(
        trained(*TRAIN, tracking="sqlite:///image.npz"), "SQLite", "image.npz", "choose"
    ),
    "tracking: a database below a file": case(
        trained(*TRAIN, tracking="sqlite:///image.npz/a.db"),
        "tracking database",
        "image.npz",
        "choose",
    ),
    "resend: no such file": case(resend(bad.nothing), "a.jsonl"),
    "resend: junk": case(resend(bad.raw(bad.JUNK)), "a.jsonl"),
    "init: no such file": case(init("e.yaml", bad.nothing), "a.npz", "does not exist"),
    "init: exists already": case(init("a.npz", bad.npz()), "a.npz", "exists already", "--output"),
    "init: junk": case(init("e.yaml", bad.raw(bad.JUNK)), "a.npz", "cannot be read"),
    "init: no such folder": case(
        init("none/e.yaml", bad.npz()), "none/e.yaml", "folder that exists", "--output"
    ),
}
