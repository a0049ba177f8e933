"""mAP against λ, as figure 5 of the SDML paper, from the product's own sweep.

λ weighs the reconstruction: at 0 there is none, at 1 nothing knows the labels. The paper's caption
names the validation split and its text the test split, so both are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figures import table
from benchmarks.figures.cells import Cell
from benchmarks.figures.page import Options, Page
from benchmarks.figures.scores import SPLITS, of_encoders
from benchmarks.figures.shown import Shown
from benchmarks.figures.svg import svg
from sdml.report.lines import Line, Panel
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.sweep import sweep, sweep_settings

Lines = dict[tuple[str, str], list[list[float]]]  # split and similarity → λ → seed


def page(options: Options) -> Page:
    """A line for each split and similarity, and one for each direction."""
    experiment = options.experiment
    cells = [options.cells.get("lambda", experiment, seed, swept) for seed in range(options.seeds)]
    similarities = experiment.evaluation.similarity
    lines: Lines = {
        (split, similarity): [
            [cell[str(value)][split][similarity]["mean"] for cell in cells]
            for value in experiment.sweep.lambdas
        ]
        for split in reversed(SPLITS)
        for similarity in similarities
    }
    chance = cells[0][str(experiment.sweep.lambdas[0])]["test"][similarities[0]]["chance"]
    heads = ["λ", *(f"{split}, {similarity}" for split, similarity in lines)]
    body = [
        [f"{value:g}", *(table.spread(values[place]) for values in lines.values())]
        for place, value in enumerate(experiment.sweep.lambdas)
    ]
    chosen = [
        max(zip(experiment.sweep.lambdas, values, strict=True), key=lambda each: sum(each[1]))[0]
        for values in lines.values()
    ]
    body.append(["best λ", *(f"{value:g}" for value in chosen)])
    body.append(["chance", *(f"{chance:.3f}" for _ in lines)])
    shown = [_means(experiment.sweep.lambdas, lines), _directions(options, cells)]
    return Page(figures={"lambda": svg(shown)}, table=table.rows(heads, body))


def swept(context: Context) -> Cell:
    """The scores of each λ on both splits."""
    prepare(context)
    encoders: dict[float, list[str]] = {}
    for modality in context.experiment.modalities:
        made = sweep(context, modality, sweep_settings(context, modality))
        for each in made.encoders:
            encoders.setdefault(each.lambda_, []).append(each.encoder)
    return {
        str(value): {split: of_encoders(context, uris, split) for split in SPLITS}
        for value, uris in encoders.items()
    }


def _means(lambdas: Sequence[float], lines: Lines) -> Shown:
    similarities = list(dict.fromkeys(similarity for _, similarity in lines))
    panel = Panel(
        title="mean over all directions",
        x_label="λ",
        y_label="mAP@all",
        unit=False,
        lines=tuple(
            Line(
                label=f"{similarity}, {split}",
                color=similarities.index(similarity),
                x=tuple(lambdas),
                y=tuple(table.mean(seeds) for seeds in values),
                dashed=split == "validation",
            )
            for (split, similarity), values in lines.items()
        ),
    )
    spreads = [
        [table.deviation(seeds) if split == "test" else 0.0 for seeds in values]
        for (split, _), values in lines.items()
    ]
    return Shown(panel=panel, spreads=spreads, low=0)


def _directions(options: Options, cells: Sequence[Cell]) -> Shown:
    lambdas = options.experiment.sweep.lambdas
    similarity = options.experiment.evaluation.similarity[0]
    names = list(cells[0][str(lambdas[0])]["test"][similarity]["pairs"])
    lines = tuple(
        Line(
            label=name.replace(" to ", " → "),
            color=color,
            x=tuple(lambdas),
            y=tuple(
                table.mean(
                    [cell[str(v)]["test"][similarity]["pairs"][name]["map"] for cell in cells]
                )
                for v in lambdas
            ),
        )
        for color, name in enumerate(names)
    )
    panel = Panel(
        title=f"each direction ({similarity}, test)",
        x_label="λ",
        y_label="mAP@all",
        unit=False,
        lines=lines,
    )
    return Shown(panel=panel, low=0)
