"""Retrieval quality on a collection: SDML beside independent classifiers, over several seeds.

``python -m benchmarks.quality --experiment FILE.yaml --seeds 5`` trains every modality of the
file through the product's own steps, once for each seed (of the subspace and the networks),
and prints Markdown tables of mAP@all. The peer is a softmax classifier for each modality alone
(scikit-learn's logistic regression on the same prepared features, its regularisation chosen on
validation accuracy), ranked by the inner product of class posteriors.

``--newcomers`` also adds each modality in turn to a store that was prepared from the others,
and compares its encoder's checksum with the one trained beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from sdml.experiment import Experiment, read_experiment
from sdml.features import Split, load_split
from sdml.retrieval import Protocol, score
from sdml.steps.context import Context
from sdml.steps.encoders import newest_encoders
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import Prepared, prepare
from sdml.steps.train import train

Pair = tuple[str, str]
Table = dict[str, dict[Pair, list[float]]]
REGULARISATION = (0.01, 0.1, 1.0, 10.0, 100.0)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--experiment", type=Path, required=True, metavar="FILE.yaml")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--newcomers", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    experiment = read_experiment(arguments.experiment)
    results: Table = {}
    for seed in range(arguments.seeds):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            context = open_seeded(experiment, seed, Path(folder))
            made = prepare(context)
            for name, values in sdml_maps(context).items():
                add(results, name, values)
            if seed == 0:
                add(results, "classifiers, posterior product", peer_maps(context, made))
                if arguments.newcomers:
                    print_newcomers(experiment, context)
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print_tables(results)
    if arguments.json:
        flat = {
            name: {f"{q} to {g}": values for (q, g), values in pairs.items()}
            for name, pairs in results.items()
        }
        arguments.json.write_text(json.dumps(flat, indent=1))


def open_seeded(experiment: Experiment, seed: int, folder: Path) -> Context:
    """The experiment with one seed for subspace and networks, and a store of its own."""
    seeded = experiment.model_copy(
        update={
            "store": str(folder / "store"),
            "tracking": None,
            "subspace": experiment.subspace.model_copy(update={"seed": seed}),
            "training": experiment.training.model_copy(update={"seed": seed}),
        }
    )
    return Context.open(seeded)


def sdml_maps(context: Context) -> dict[str, dict[Pair, float]]:
    """mAP@all of every pair under each similarity, after training every modality."""
    for modality in context.experiment.modalities:
        train(context, modality)
    report = context.catalog.get(evaluate(context).report)
    data = json.loads(context.catalog.read(report, "report.json"))
    maps: dict[str, dict[Pair, float]] = {}
    for pair in data["pairs"]:
        name = f"SDML, {pair['similarity']}"
        maps.setdefault(name, {})[pair["query"], pair["gallery"]] = pair["map"]
    return maps


def peer_maps(context: Context, made: Prepared) -> dict[Pair, float]:
    """mAP@all of independently trained classifiers under the posterior product."""
    posteriors = {}
    for modality, uri in made.features.items():
        version = context.catalog.get(uri)
        splits = {
            name: load_split(lambda n, v=version: context.catalog.local(v, n), name)  # type: ignore[misc]
            for name in ("train", "validation", "test")
        }
        posteriors[modality] = classify(splits), splits["test"].labels
    protocol = Protocol()
    return {
        (query, gallery): score(
            posteriors[query][0],
            posteriors[gallery][0],
            posteriors[query][1],
            posteriors[gallery][1],
            protocol,
        ).map
        for query, gallery in itertools.permutations(posteriors, 2)
    }


def classify(splits: dict[str, Split]) -> npt.NDArray[np.float32]:
    """Test posteriors (N, C) of the classifier with the best validation accuracy."""
    fitted = []
    for c in REGULARISATION:
        model = LogisticRegression(C=c, max_iter=3000)
        model.fit(splits["train"].features_ND, splits["train"].labels)
        accuracy = model.score(splits["validation"].features_ND, splits["validation"].labels)
        fitted.append((accuracy, -c, model))
    best = max(fitted, key=lambda entry: entry[:2])[2]
    return np.asarray(best.predict_proba(splits["test"].features_ND), dtype=np.float32)


def print_newcomers(experiment: Experiment, together: Context) -> None:
    """Train each modality as the newcomer of another store; compare encoder checksums."""
    trained = {v.manifest.modality: v for v in newest_encoders(together)}
    for newcomer in experiment.modalities:
        with tempfile.TemporaryDirectory() as folder:
            context = open_seeded(experiment, 0, Path(folder))
            prepare(context, modalities=[m for m in experiment.modalities if m != newcomer])
            prepare(context, modalities=[newcomer], new_modality=True)
            added = context.catalog.get(train(context, newcomer).encoder)
            digests = [
                hashlib.sha256(c.catalog.read(v, "encoder.safetensors")).hexdigest()
                for c, v in ((together, trained[newcomer]), (context, added))
            ]
        verdict = "identical" if digests[0] == digests[1] else "DIFFERENT"
        print(f"newcomer {newcomer}: encoder {digests[1][:16]} {verdict}")


def add(results: Table, name: str, values: dict[Pair, float]) -> None:
    """Append one seed's values to the rows of a method."""
    for pair, value in values.items():
        results.setdefault(name, {}).setdefault(pair, []).append(value)


def print_tables(results: Table) -> None:
    """One Markdown row for each ordered pair, one column for each method; means last."""
    methods = list(results)
    print("| query → gallery | " + " | ".join(methods) + " |")
    print("|---|" + "---|" * len(methods))
    for pair in results[methods[0]]:
        cells = [spread(results[method][pair]) for method in methods]
        print(f"| {pair[0]} → {pair[1]} | " + " | ".join(cells) + " |")
    means = [
        spread([float(np.mean(seed)) for seed in zip(*results[m].values(), strict=True)])
        for m in methods
    ]
    print("| **mean** | " + " | ".join(means) + " |")


def spread(values: Sequence[float]) -> str:
    """Mean, and the standard deviation over seeds when there are several."""
    mean = f"{np.mean(values):.3f}"
    return f"{mean} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
