"""The experiment file: what is read, what is refused, and that it survives a round trip."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sdml.errors import ExperimentError
from sdml.experiment import dump_experiment, parse_experiment, read_experiment

MINIMAL = "collection: digits\nmodalities:\n  image: {source: image.npz}\n"


def test_defaults_are_the_published_settings() -> None:
    experiment = parse_experiment(MINIMAL)
    training = experiment.training_of("image")
    assert (training.lambda_, training.epochs, training.batch_size) == (0.5, 200, 100)
    assert training.betas == (0.5, 0.999)
    assert training.hidden == (1024, 1024)
    assert experiment.subspace.dimension == 512
    assert training.selection == "val_sup"
    assert not training.squared
    assert training.normalize_code
    assert training.normalize_reconstruction
    assert training.drop_last
    assert experiment.modalities["image"].keys.features == "X"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "experiment.yaml"
    file.parent.mkdir()
    file.write_text(MINIMAL)
    experiment = read_experiment(file)
    assert experiment.modalities["image"].source == str(tmp_path / "folder/image.npz")
    assert experiment.store == str(tmp_path / "folder/.sdml/store")
    assert experiment.tracking == f"sqlite:///{tmp_path}/folder/.sdml/mlflow.db"


def test_uris_are_left_alone() -> None:
    experiment = parse_experiment(
        "collection: a\nstore: s3://bucket/prefix\ntracking: http://mlflow:5000\n"
        "modalities: {image: {source: 's3://bucket/raw/image.npz'}}"
    )
    assert experiment.store == "s3://bucket/prefix"
    assert experiment.tracking == "http://mlflow:5000"
    assert experiment.modalities["image"].source == "s3://bucket/raw/image.npz"


def test_a_modality_overrides_training() -> None:
    experiment = parse_experiment(
        "collection: a\ntraining: {epochs: 7}\nmodalities:\n"
        "  image: {source: x.npz, learning_rate: 1e-4, lambda: 0}\n  text: {source: y.npz}\n"
    )
    image, text = experiment.training_of("image"), experiment.training_of("text")
    assert (image.learning_rate, image.lambda_, image.epochs) == (1e-4, 0.0, 7)
    assert (text.learning_rate, text.lambda_, text.epochs) == (2e-4, 0.5, 7)


def test_variables_are_filled_in_and_typed() -> None:
    text = (
        "collection: ${NAME}\nstore: ${STORE:-here}\ntraining: {epochs: '${EPOCHS:-3}'}\n"
        "modalities: {a: {source: '${FOLDER}/x.npz'}}"
    )
    environment = {"NAME": "filled", "FOLDER": "/data"}
    experiment = parse_experiment(text, folder=Path("/base"), environment=environment)
    assert experiment.collection == "filled"
    assert experiment.store == "/base/here"
    assert experiment.training.epochs == 3
    assert experiment.modalities["a"].source == "/data/x.npz"


@pytest.mark.parametrize("value", ["/data/a: b: c", "@x", "%x", "2024-13-45", "[", "- a"])
def test_a_variable_may_hold_what_is_no_yaml(value: str) -> None:
    text = MINIMAL + "store: ${STORE}\n"
    made = parse_experiment(text, folder=Path("/b"), environment={"STORE": value})
    assert made.store == str(Path("/b") / value)


def test_an_empty_variable_counts_as_unset() -> None:
    text = MINIMAL + "store: ${STORE:-fallback}\n"
    assert parse_experiment(text, folder=Path("/b"), environment={"STORE": ""}).store == (
        "/b/fallback"
    )


REFUSED = {
    "not YAML": ("collection: [", "not valid YAML"),
    "a list": ("- a\n- b", "is a mapping"),
    "empty": ("", "is a mapping"),
    "no collection": ("modalities: {a: {source: x}}", "collection: required"),
    "no modalities": ("collection: a", "modalities: required"),
    "empty modalities": ("collection: a\nmodalities: {}", "at least one modality"),
    "no source": ("collection: a\nmodalities: {a: {}}", "modalities.a.source: required"),
    "unknown key": (
        MINIMAL + "colour: red",
        "colour: unknown key; allowed here: collection, store, tracking,",
    ),
    "unknown nested key": (
        "collection: a\nmodalities: {a: {source: x, epoch: 3}}",
        "modalities.a.epoch: unknown key; allowed here: source, keys, labels, split, transform, "
        "extractor, missing_class, train_labels, shards, resources, method, preset, lambda, "
        "epochs,",
    ),
    "unknown key of keys": (
        "collection: a\nmodalities: {a: {source: x, keys: {feature: X}}}",
        "modalities.a.keys.feature: unknown key; allowed here: features, labels, split",
    ),
    "unknown key of training": (
        MINIMAL + "training: {rate: 1}",
        "training.rate: unknown key; allowed here: method, preset, lambda, epochs, batch_size,",
    ),
    "repeated key": (MINIMAL + "  image: {source: other.npz}", "stands twice"),
    "unset variable": (MINIMAL + "store: ${NOWHERE}", "NOWHERE is not set"),
    "upper-case name": ("collection: Digits\nmodalities: {a: {source: x}}", "lower-case"),
    "path as a name": ("collection: ../up\nmodalities: {a: {source: x}}", "lower-case"),
    "λ above one": (MINIMAL + "training: {lambda: 1.1}", "training.lambda"),
    "λ below zero": (MINIMAL + "training: {lambda: -0.1}", "training.lambda"),
    "λ not a number": (MINIMAL + "training: {lambda: .nan}", "training.lambda"),
    "λ a word": (MINIMAL + "training: {lambda: half}", "training.lambda"),
    "λ a boolean": (MINIMAL + "training: {lambda: true}", "a number is needed"),
    "epochs a float": (MINIMAL + "training: {epochs: 2.5}", "training.epochs"),
    "epochs zero": (MINIMAL + "training: {epochs: 0}", "training.epochs"),
    "epochs a boolean": (MINIMAL + "training: {epochs: true}", "training.epochs"),
    "batch size negative": (MINIMAL + "training: {batch_size: -1}", "training.batch_size"),
    "learning rate zero": (MINIMAL + "training: {learning_rate: 0}", "training.learning_rate"),
    "one beta": (MINIMAL + "training: {betas: [0.5]}", "training.betas"),
    "beta of one": (MINIMAL + "training: {betas: [0.5, 1.0]}", "training.betas"),
    "hidden a number": (MINIMAL + "training: {hidden: 1024}", "training.hidden"),
    "unknown method": (MINIMAL + "training: {method: magic}", "training.method"),
    "override out of range": (
        "collection: a\nmodalities: {a: {source: x, learning_rate: -1}}",
        "modalities.a.learning_rate",
    ),
    "dimension zero": (MINIMAL + "subspace: {dimension: 0}", "subspace.dimension"),
    "toggle of another method": (
        MINIMAL + "training: {method: classifier, squared: true}",
        "squared: nothing that method classifier has a choice of",
    ),
    "half an address": (MINIMAL + "store: s3:/bucket/x", "two slashes, as in s3://bucket/prefix"),
    "a training that is no mapping": (
        "collection: a\nmodalities: {a: {source: x, training: null, epochs: 3}}",
        "modalities.a.training",
    ),
    "a date that is none": (MINIMAL + "subspace: {classes: [2024-02-30]}", "not valid YAML"),
    "a seed that torch would cut off": (MINIMAL + "training: {seed: 4294967296}", "training.seed"),
    "too much noise": (
        "collection: c\nmodalities: {image: {source: a.npz, train_labels: {noise: 0.9}}}",
        "modalities.image.train_labels.noise",
    ),
    "given without source": (MINIMAL + "subspace: {kind: given}", "name its file as source"),
    "source of a random one": (
        MINIMAL + "subspace: {kind: random, source: P.npy}",
        "source goes with kind given",
    ),
    "unknown kind": (MINIMAL + "subspace: {kind: cube}", "subspace.kind"),
    "repeated class": (MINIMAL + "subspace: {classes: [a, a]}", "distinct"),
    "unknown similarity": (MINIMAL + "evaluation: {similarity: dot}", "evaluation.similarity"),
    "no similarity": (MINIMAL + "evaluation: {similarity: []}", "at least one"),
    "too small a sample": (
        MINIMAL + "evaluation: {sample: {queries: 10}}",
        "evaluation.sample.queries",
    ),
    "a sample without a size": (
        MINIMAL + "evaluation: {sample: {seed: 1}}",
        "evaluation.sample.queries: required",
    ),
    "no iteration at a time": (MINIMAL + "cluster: {parallelism: 0}", "cluster.parallelism"),
    "top_k zero": (MINIMAL + "evaluation: {top_k: 0}", "evaluation.top_k"),
    "unknown transform": (
        "collection: a\nmodalities: {a: {source: x, transform: [whiten]}}",
        "modalities.a.transform",
    ),
    "shares above one": (
        "collection: a\nmodalities: {a: {source: x, split: {train: 0.9, test: 0.2}}}",
        "add up to",
    ),
    "half a count": (
        "collection: a\nmodalities: {a: {source: x, split: {validation: 2.5}}}",
        "whole count",
    ),
    "accelerator without count": (
        "collection: a\nmodalities: {a: {source: x, resources: {accelerator: gpu}}}",
        "go together",
    ),
    "together": (MINIMAL + "sweep: {together: perhaps}", "sweep.together"),
    "repeated λ": (MINIMAL + "sweep: {lambdas: [0.1, 0.1]}", "each value of λ once"),
    "source a number": ("collection: a\nmodalities: {a: {source: 3}}", "modalities.a.source"),
    "keys a list": ("collection: a\nmodalities: {a: {source: x, keys: [X]}}", "modalities.a.keys"),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_refused_with_the_key_and_a_reason(text: str, expected: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        parse_experiment(text, where="my.yaml", environment={})
    message = str(caught.value)
    assert message.startswith("my.yaml: ")
    assert expected in message
    assert "\n" not in message


def test_only_mistakes_are_counted_and_not_what_depends_on_them() -> None:
    text = MINIMAL + "training: {method: drl, epochs: many, seed: x}"
    with pytest.raises(ExperimentError) as caught:
        parse_experiment(text, environment={})
    message = str(caught.value)
    assert "training.method" in message
    assert "training.epochs" in message
    assert "training.seed" in message
    assert "default" not in message
    assert "more" not in message


def test_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="cannot be read"):
        read_experiment(tmp_path / "missing.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExperimentError, match="cannot be read"):
        read_experiment(binary)


def test_python_objects_are_not_built(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="not valid YAML"):
        parse_experiment("collection: !!python/object/apply:os.getcwd []")


names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}[a-z0-9]", fullmatch=True)


@given(
    collection=names,
    modalities=st.dictionaries(
        names,
        st.fixed_dictionaries(
            {"source": st.just("/data/x.npz")},
            optional={
                "lambda": st.floats(0, 1),
                "epochs": st.integers(1, 1000),
                "transform": st.lists(st.sampled_from(["l2", "standardize"]), max_size=2),
                "extractor": st.sampled_from(["hog", "mfcc"]),
                "labels": st.just("/data/y.npy"),
                "split": st.fixed_dictionaries({"seed": st.integers(0, 9)}),
            },
        ),
        min_size=1,
        max_size=3,
    ),
    dimension=st.integers(1, 2048),
)
def test_what_is_written_reads_back_the_same(
    collection: str, modalities: dict[str, object], dimension: int
) -> None:
    text = yaml.safe_dump(
        {
            "collection": collection,
            "subspace": {"dimension": dimension},
            "modalities": modalities,
        }
    )
    experiment = parse_experiment(text)
    assert parse_experiment(dump_experiment(experiment)) == experiment


def test_what_the_user_did_not_say_stays_unsaid() -> None:
    said = parse_experiment(MINIMAL + "subspace: {dimension: 512}\n")
    unsaid = parse_experiment(MINIMAL)
    for experiment in (unsaid, parse_experiment(dump_experiment(unsaid))):
        assert "subspace" not in experiment.model_fields_set
    for experiment in (said, parse_experiment(dump_experiment(said))):
        assert "subspace" in experiment.model_fields_set
    assert "tracking" not in unsaid.model_fields_set


def test_lambda_left_out_depends_on_the_method() -> None:
    file = "{}modalities:\n  image: {{source: a.npz}}\n  text: {{source: b.npz, method: {}}}\n"
    for method, other in (("sdml", "classifier"), ("classifier", "sdml")):
        head = f"collection: c\ntraining: {{method: {method}}}\n"
        experiment = parse_experiment(file.format(head, other))
        made = {m: experiment.training_of(m) for m in ("image", "text")}
        assert [(t.method, t.lambda_) for t in made.values()] == [
            (name, {"sdml": 0.5, "classifier": 0.0}[name]) for name in (method, other)
        ]
    head = "collection: c\ntraining: {method: classifier, lambda: 0.25}\n"
    assert parse_experiment(file.format(head, "sdml")).training_of("text").lambda_ == 0.25
