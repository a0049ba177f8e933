"""All steps on a real S3 server: the same bytes as in a folder, and a new modality later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdml.steps.context import Context
from sdml.steps.embed import embed
from sdml.steps.evaluate import evaluate
from sdml.steps.inventory import inventory
from sdml.steps.prepare import prepare
from sdml.steps.search import search
from sdml.steps.train import train
from tests.steps.conftest import MakeContext


def digests(context: Context) -> dict[str, str]:
    """sha256 of every object of the collection, by URI."""
    return {
        f"{item['uri']}/{record['name']}": record["sha256"]
        for item in inventory(context, verify=True).items
        for record in item["objects"]
    }


@pytest.mark.server
@pytest.mark.usefixtures("plain_report")
def test_a_bucket_is_as_good_as_a_folder(
    make: MakeContext, s3_environment: str, tmp_path: Path
) -> None:
    names = ("image", "text", "audio")
    bucket = make(*names, store=f"{s3_environment}/deep/prefix", training={"checkpoint_seconds": 0})
    folder = make(*names)
    figures = []
    for context in (bucket, folder):
        prepare(context, modalities=["image", "text"])
        for modality in ("image", "text"):
            train(context, modality)
        figures.append(evaluate(context).pairs)
    assert figures[0] == figures[1]

    older = digests(bucket)
    prepare(bucket, modalities=["audio"], new_modality=True)
    train(bucket, "audio")
    assert len(evaluate(bucket).pairs) == 6
    newer = digests(bucket)
    assert {uri: newer[uri] for uri in older} == older
    assert list(bucket.catalog.store.list("tiny/checkpoints/")) == []

    source = tmp_path / "new.npy"
    np.save(source, np.load(tmp_path / "image.npz")["X"][-6:])
    embed(bucket, "image", str(source), tmp_path / "codes.npy")
    embed(folder, "image", str(source), tmp_path / "same.npy")
    assert (tmp_path / "codes.npy").read_bytes() == (tmp_path / "same.npy").read_bytes()
    found = search(bucket, query="image", source=str(source), gallery="audio", top=3)
    assert [len(query.hits) for query in found.queries] == [3] * 6
