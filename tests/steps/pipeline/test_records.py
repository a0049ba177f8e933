from __future__ import annotations

import json
from pathlib import Path

from sdml.steps.pipeline import Pins, PriorRecord, TrainedRecord, read_priors, read_records


def test_pins_survive_their_file(tmp_path: Path) -> None:
    pins = Pins(subspace="/s/c/subspaces/ab", features={"image": "/s/c/features/image/1"})
    pins.write(str(tmp_path / "pins"))
    assert Pins.read(str(tmp_path / "pins")) == pins


def test_records_survive_their_file(tmp_path: Path) -> None:
    record = TrainedRecord(
        encoder="/s/c/encoders/image/2",
        modality="image",
        weight=0.1,
        best_epoch=2,
        epochs=3,
        seconds=0.5,
    )
    record.write(str(tmp_path / "record"))
    gathered = [json.loads((tmp_path / "record").read_text())]
    (tmp_path / "gathered").write_text(json.dumps(gathered))
    assert read_records(str(tmp_path / "gathered")) == [record]
    assert record.summary() == {"encoder": record.encoder, "modality": "image", "lambda": 0.1}


def test_records_of_priors_survive_their_file(tmp_path: Path) -> None:
    record = PriorRecord(
        prior="/s/c/priors/image/2", modality="image", score=0.75, best_epoch=2, epochs=3
    )
    record.write(str(tmp_path / "record"))
    gathered = [json.loads((tmp_path / "record").read_text())]
    (tmp_path / "gathered").write_text(json.dumps(gathered))
    assert read_priors(str(tmp_path / "gathered")) == [record]
    assert record.summary() == {"prior": record.prior, "modality": "image", "score": 0.75}
