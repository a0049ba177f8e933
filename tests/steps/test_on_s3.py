"""All steps on a real S3 server: the same bytes as in a folder, and a new modality later."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdml.features.stored import PREVIEWS
from sdml.steps.context import Context
from sdml.steps.embed import embed
from sdml.steps.evaluate import evaluate
from sdml.steps.inventory import inventory
from sdml.steps.prepare import prepare
from sdml.steps.search import search
from sdml.steps.shards import prepare_shard
from sdml.steps.train import train
from sdml.store import open_store
from sdml.store.s3 import S3Store
from tests.steps import tiny
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


@pytest.mark.server
def test_a_shard_of_pictures_fetches_its_own_and_no_others(
    s3_environment: str, tmp_path: Path
) -> None:
    generator = np.random.default_rng(0)
    source = open_store(f"{s3_environment}/sources/pictures")
    for number in range(30):
        buffer = io.BytesIO()
        picture = generator.integers(0, 256, (5, 5), dtype=np.uint8)
        Image.fromarray(picture).save(buffer, format="png")
        source.put(f"c{number % 3}/{number}.png", buffer.getvalue())
    modality = {
        "source": f"{s3_environment}/sources/pictures/*/*.png",
        "extractor": {"name": "pixels", "options": {"size": 4}},
    }
    made = {}
    for shards in (1, 3):
        file = tiny.write_experiment(
            tmp_path,
            "image",
            store=f"{s3_environment}/in{shards}",
            modalities={"image": {**modality, "shards": shards}},
        )
        context = tiny.open_file(file)
        fetched: list[str] = []
        real = S3Store.local

        def local(
            store: S3Store, key: str, scratch: Path, seen: list[str] = fetched, real: Any = real
        ) -> Path:
            seen.append(key)
            found: Path = real(store, key, scratch)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(S3Store, "local", local)
            for shard in range(1, shards + 1) if shards > 1 else ():
                prepare_shard(context, "image", shard=shard, shards=shards)
                assert len(fetched) == 10 * shard
        version = context.catalog.get(prepare(context, join=True).features["image"])
        # shards keep no previews
        made[shards] = {o for o in version.manifest.objects if o.name != PREVIEWS}
    assert made[1] == made[3]
