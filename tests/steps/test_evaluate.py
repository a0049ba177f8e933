from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import average_precision_score

from sdml.errors import DataError, NotFoundError, SubspaceError, UserError
from sdml.experiment import EvaluationSettings
from sdml.steps.context import Context
from sdml.steps.encoders import codes_of, newest_encoder, open_encoder
from sdml.steps.evaluate import evaluate, newest_report, protocol_of
from sdml.steps.evaluation_extras import numbered
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from sdml.tracking import MemoryRun, MemoryTracker
from tests.steps import tiny


def opened(folder: Path, **sections: object) -> Context:
    return tiny.open_file(tiny.write_experiment(folder, "image", "text", **sections))


def runs(context: Context) -> list[MemoryRun]:
    assert isinstance(context.tracker, MemoryTracker)
    return context.tracker.runs


def embedded(context: Context, modality: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the test split by the door for new samples, and labels from the source."""
    source = tiny.arrays(modality)
    inside = source["split"] == 2
    encoder = open_encoder(context, newest_encoder(context, modality))
    folder = Path(context.experiment.store).parent
    np.save(folder / "test.npy", source["X"][inside])
    return encoder.embed(str(folder / "test.npy")), source["y"][inside]


def ranked_by(context: Context, similarity: str, codes_NK: np.ndarray) -> np.ndarray:
    """Rows whose inner product is the similarity, written out again."""
    unit_NK = codes_NK / np.linalg.norm(codes_NK.astype(np.float64), axis=1, keepdims=True)
    if similarity == "cosine":
        return np.asarray(unit_NK)
    _, subspace = context.subspace_of(newest_encoder(context, "image"))
    scale = math.log(19 * (len(subspace.classes) - 1))
    return np.asarray(softmax(scale * unit_NK @ subspace.projection_KC, axis=1))


def mean_average_precision(
    query: tuple[np.ndarray, np.ndarray], gallery: tuple[np.ndarray, np.ndarray]
) -> float:
    """By scikit-learn, from inner products; the rows of this collection do not tie."""
    (query_QK, query_y), (gallery_GK, gallery_y) = query, gallery
    scores_QG = query_QK @ gallery_GK.T
    assert len(np.unique(scores_QG.astype(np.float32))) == scores_QG.size
    return float(
        np.mean(
            [
                average_precision_score(gallery_y == label, scores)
                for label, scores in zip(query_y, scores_QG, strict=True)
            ]
        )
    )


@pytest.mark.parametrize(
    ("evaluation", "similarity"),
    [({}, "posterior"), ({"preset": "reference"}, "cosine"), ({"similarity": "cosine"}, "cosine")],
)
def test_map_is_what_scikit_learn_finds_in_embedded_codes(
    finished: Path, plain_report: None, evaluation: dict[str, str], similarity: str
) -> None:
    context = opened(finished, evaluation=evaluation)
    image, text = (
        (ranked_by(context, similarity, codes_NK), labels)
        for codes_NK, labels in (embedded(context, "image"), embedded(context, "text"))
    )
    evaluated = evaluate(context)
    found = {(pair["query"], pair["gallery"]): pair for pair in evaluated.pairs}
    assert list(found) == [("image", "text"), ("text", "image")]
    assert found["image", "text"]["map"] == pytest.approx(mean_average_precision(image, text))
    assert found["text", "image"]["map"] == pytest.approx(mean_average_precision(text, image))
    assert evaluated.mean_map == pytest.approx(np.mean([p["map"] for p in evaluated.pairs]))
    assert evaluated.similarity == similarity
    # 12 test items, 4 of each class: random rankings, by their expectation
    harmonic = sum(1 / i for i in range(1, 13))
    chance = (3 / 11 * (12 - harmonic) + harmonic) / 12
    assert found["image", "text"]["chance"] == pytest.approx(chance)


def test_evaluation_embeds_as_new_samples_are_embedded(finished: Path) -> None:
    context = opened(finished)
    for modality in ("image", "text"):
        encoder = open_encoder(context, newest_encoder(context, modality))
        codes_NK, split = codes_of(context, encoder, "test")
        new_NK, labels = embedded(context, modality)
        assert np.array_equal(codes_NK, new_NK)
        assert np.array_equal(split.labels, labels)


def test_map_at_k_follows_the_settings(finished: Path, plain_report: None) -> None:
    context = opened(
        finished, evaluation={"similarity": "cosine", "top_k": 2, "denominator": "hits"}
    )
    (query_QK, query_y), (gallery_GK, gallery_y) = (
        embedded(context, "image"),
        embedded(context, "text"),
    )
    order_QG = np.argsort(-(query_QK @ gallery_GK.T), axis=1)
    expected = []
    for label, order in zip(query_y, order_QG, strict=True):
        first, second = (gallery_y[order[:2]] == label).tolist()
        expected.append(sum([first * 1.0, second * (first + 1) / 2]) / max(1, first + second))
    evaluated = evaluate(context)
    assert evaluated.pairs[0]["map_at_k"] == pytest.approx(np.mean(expected))


def test_the_report_is_published_with_its_lineage(finished_once: Path) -> None:
    context = tiny.open_file(finished_once / "experiment.yaml")
    report = context.catalog.latest("report")
    names = {record.name for record in report.manifest.objects}
    assert {"report.json", "report.html", "losses.png", "map_cosine.png"} <= names
    encoders = {m: newest_encoder(context, m) for m in ("image", "text")}
    assert report.manifest.made_from == {
        "subspace": encoders["image"].manifest.made_from["subspace"],
        "encoder-image": encoders["image"].path,
        "encoder-text": encoders["text"].path,
    }
    assert report.manifest.settings["top_k"] == 50
    assert not {"recall", "sample"} & set(report.manifest.settings)  # as before there were such
    document = json.loads(context.catalog.read(report, "report.json"))
    assert set(document["histories"]) == {"image", "text"}
    assert document["classes"] == ["0", "1", "2"]
    assert document["details"]["encoder image"] == encoders["image"].path
    assert context.catalog.verify(report) == []


def test_the_newest_report_can_be_read_again(finished: Path, plain_report: None) -> None:
    context = opened(finished)
    evaluated = evaluate(context)
    assert newest_report(context) == evaluated
    evaluated.write_html(context, str(finished / "copy.html"))
    assert (finished / "copy.html").read_bytes() == b"<title>tiny</title>"


def test_recall_of_pairs_is_of_the_same_row_alone(finished: Path, plain_report: None) -> None:
    context = opened(finished, evaluation={"recall": "pair"})
    report = context.catalog.get(evaluate(context).report)
    assert report.manifest.settings["recall"] == "pair"
    document = json.loads(context.catalog.read(report, "report.json"))
    assert document["recall_of"] == "pair"
    image, text = (
        embedded(context, modality)[0].astype(np.float64) for modality in ("image", "text")
    )
    scores_QG = (image / np.linalg.norm(image, axis=1)[:, None]) @ (
        text / np.linalg.norm(text, axis=1)[:, None]
    ).T
    ranks_Q = 1 + (scores_QG > np.diag(scores_QG)[:, None]).sum(axis=1)
    (found,) = (
        one
        for one in document["recall"]
        if (one["query"], one["similarity"]) == ("image", "cosine")
    )
    assert found["median_rank"] == np.median(ranks_Q)
    assert found["recall"] == {str(k): np.mean(ranks_Q <= k) for k in (1, 5, 10)}
    (run,) = runs(context)
    assert "the item of the same row" in run.logged_tags["mlflow.note.content"]


def test_rows_that_are_no_pairs_have_no_recall_of_pairs() -> None:
    codes_NK = np.eye(4, dtype=np.float32)
    labels = np.array([0, 1, 2, -1])
    for other, message in (
        (labels[:3], "image has 4 rows to evaluate and text 3"),
        (
            np.array([0, 2, 2, 1]),
            r"row 1 \(counted from 0\) has another label in image than in text",
        ),
    ):
        with pytest.raises(DataError, match=message):
            numbered({"image": (codes_NK, labels), "text": (codes_NK[: len(other)], other)})
    paired = numbered({"image": (codes_NK, labels), "text": (codes_NK, np.array([0, -1, 2, 1]))})
    assert [labels.tolist() for _, labels in paired.values()] == [[0, 1, 2, 3]] * 2


def test_what_is_tracked_has_the_documented_names(finished: Path, plain_report: None) -> None:
    context = opened(finished)
    evaluated = evaluate(context)
    (run,) = runs(context)
    values = {metric.name: metric.value for metric in run.logged_metrics}
    document = json.loads(run.artifacts["report/report.json"])
    recall = [found for found in document["recall"] if found["similarity"] == "posterior"]
    assert values == {
        "lambda": 0.5,
        "map/image_to_text": evaluated.pairs[0]["map"],
        "map/text_to_image": evaluated.pairs[1]["map"],
        "map/mean": evaluated.mean_map,
        "map_posterior/mean": evaluated.mean_map,
        "map_cosine/mean": document["means"]["cosine"]["map"],
        **{
            f"recall_at_{k}/mean": pytest.approx(np.mean([r["recall"][str(k)] for r in recall]))
            for k in (1, 5, 10)
        },
        **{f"clustering/{name}": document["clustering"][name] for name in ("ami", "nmi", "ari")},
    }
    assert run.logged_params == {
        "lambda": "0.5",
        "method": "sdml",
        "seed": "0",
        "similarity": "posterior",
    }
    assert [(d.name, d.context) for d in run.datasets] == [
        ("tiny/image", "test"),
        ("tiny/text", "test"),
    ]
    files = {"report/report.json", "report/report.html", "experiment.yaml"}
    assert set(run.artifacts) == files
    assert run.logged_tags["collection"] == "tiny"
    assert run.logged_tags["report"] == evaluated.report
    assert len(run.logged_tags["subspace"]) == 16
    assert (run.name, run.parent, run.status) == ("evaluate", None, "finished")


def test_a_given_run_gets_the_figures_and_stays_open(finished: Path, plain_report: None) -> None:
    context = opened(finished)
    run = context.tracker.start("tiny", "train")
    evaluate(context, run=run)
    (only,) = runs(context)
    assert only.id == run.id
    assert only.status is None
    assert {m.name for m in only.logged_metrics} >= {"map/mean"}


def test_named_encoders_are_the_ones_evaluated(finished: Path, plain_report: None) -> None:
    context = opened(finished)
    pinned = [newest_encoder(context, m).uri for m in ("image", "text")]
    before = evaluate(context)
    train(context, "image", lambda_=1.0)
    after = evaluate(context, encoders=pinned)
    assert after.pairs == before.pairs
    made_from = context.catalog.get(after.report).manifest.made_from
    assert pinned[0].endswith(made_from["encoder-image"])
    assert evaluate(context).pairs != before.pairs


def test_encoders_of_two_subspaces_are_refused(finished: Path) -> None:
    context, other = opened(finished), opened(finished, subspace={"seed": 1})
    prepare(other)
    trained = train(other, "text")
    before = tiny.checksums(finished / "store")
    with pytest.raises(SubspaceError, match="one subspace"):
        evaluate(context, encoders=[newest_encoder(context, "image").uri, trained.encoder])
    with pytest.raises(NotFoundError, match=r"at least two.*: text"):
        evaluate(other)
    assert tiny.checksums(finished / "store") == before


def test_two_encoders_of_one_modality_are_refused(finished: Path) -> None:
    context = opened(finished)
    pinned = [newest_encoder(context, m).uri for m in ("image", "text")]
    twice = [*pinned, train(context, "image", lambda_=0.1).encoder]
    with pytest.raises(UserError, match="of image it got several"):
        evaluate(context, encoders=twice)


def test_one_modality_is_not_enough(finished: Path) -> None:
    shutil.rmtree(finished / "store" / "tiny" / "encoders" / "text")
    context = opened(finished)
    with pytest.raises(NotFoundError, match=r"at least two.*: image.*sdml train"):
        evaluate(context)
    with pytest.raises(NotFoundError, match=r"at least two.*: none"):
        evaluate(opened(finished, subspace={"seed": 5}))
    assert runs(context) == []


def test_the_reference_preset() -> None:
    settings = EvaluationSettings(preset="reference", top_k=20, denominator="relevant")
    single = protocol_of(settings, multi_label=False)
    assert (single.top_k, single.denominator, single.empty_query) == (20, "hits", "zero")
    assert protocol_of(settings, multi_label=True).empty_query == "skip"
    own = protocol_of(EvaluationSettings(denominator="relevant", top_k=7), multi_label=True)
    assert (own.top_k, own.denominator, own.empty_query) == (7, "relevant", "zero")


def test_the_reference_preset_counts_hits_at_k(finished: Path, plain_report: None) -> None:
    preset = evaluate(opened(finished, evaluation={"preset": "reference", "top_k": 2}))
    how = {"similarity": ["cosine", "posterior"], "top_k": 2}
    spelled = evaluate(opened(finished, evaluation={**how, "denominator": "hits"}))
    least = evaluate(opened(finished, evaluation={**how, "denominator": "min"}))
    assert preset.pairs == spelled.pairs
    assert [p["map_at_k"] for p in preset.pairs] != [p["map_at_k"] for p in least.pairs]


def test_another_split_and_similarity(finished: Path, plain_report: None) -> None:
    test = evaluate(opened(finished))
    other = evaluate(
        opened(finished, evaluation={"split": "validation", "similarity": ["posterior"]})
    )
    assert other.similarity == "posterior"
    assert other.pairs != test.pairs


def test_a_sample_of_the_queries_gives_intervals_everywhere(
    tmp_path: Path, plain_report: None
) -> None:
    for modality in ("image", "text"):
        np.savez(tmp_path / f"{modality}.npz", **tiny.arrays(modality, samples=300))
    sections = {"training": {"epochs": 1}, "evaluation": {"sample": {"queries": 30, "seed": 5}}}
    context = tiny.open_file(tiny.write_experiment(tmp_path, "image", "text", **sections))
    prepare(context)
    train(context, "image")
    train(context, "text")
    evaluated = evaluate(context)
    assert evaluated == newest_report(context)
    assert evaluated.mean_interval is not None
    low, high = evaluated.mean_interval
    assert low < evaluated.mean_map < high
    assert evaluated.to_json()["mean_interval"] == (low, high)
    for pair in evaluated.pairs:
        assert pair["low"] < pair["map"] < pair["high"]
    metrics = {metric.name: metric.value for metric in runs(context)[-1].logged_metrics}
    assert evaluated.metrics().items() <= metrics.items()
    assert metrics["map_low/mean"] == low
    assert metrics["map_high/image_to_text"] == evaluated.pairs[0]["high"]
    report = context.catalog.latest("report")
    assert report.manifest.settings["sample"] == {"queries": 30, "seed": 5}
    document = json.loads(context.catalog.read(report, "report.json"))
    assert document["means"]["posterior"]["map_interval"] == {"low": low, "high": high}
    assert document["pairs"][0]["sampled"]["population"] == 60
    assert document["pairs"][0]["queries"] == 30


def test_without_a_sample_no_interval_is_said(finished_once: Path) -> None:
    context = tiny.open_file(finished_once / "experiment.yaml")
    report = context.catalog.latest("report")
    assert "sample" not in report.manifest.settings
    document = context.catalog.read(report, "report.json")
    assert b"sampled" not in document
    assert b"interval" not in document
