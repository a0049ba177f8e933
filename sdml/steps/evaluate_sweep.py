"""Evaluations of what a sweep has trained: one for each λ, of the encoders with that λ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdml.errors import NotFoundError, UserError
from sdml.steps.context import Context, origin
from sdml.steps.encoders import newest_encoders
from sdml.steps.evaluate import Evaluated, evaluate
from sdml.store import Version


@dataclass(frozen=True, kw_only=True)
class EvaluatedLambda:
    """The evaluation of one λ."""

    lambda_: float
    evaluated: Evaluated


def evaluate_lambdas(context: Context, lambdas: Sequence[float]) -> list[EvaluatedLambda]:
    """Evaluate, for each λ, the newest encoders that were trained with it.

    Of a modality of the file only encoders of its method, seed and learning rate take part. That of
    the file's own λ is evaluated last, so that its report is the newest.

    Args:
        lambdas: each once.

    Raises:
        UserError: a λ stands there twice, or none.
        NotFoundError: a modality has an encoder for the current subspace, but none with a λ.
    """
    if not lambdas or len(set(lambdas)) != len(lambdas):
        raise UserError(f"--lambda must name each value once, not {list(lambdas)}")
    newest = newest_encoders(context)
    chosen = {value: [_with(context, version, value) for version in newest] for value in lambdas}
    own = context.experiment.training.lambda_
    made = {
        value: evaluate(
            context,
            encoders=[version.uri for version in chosen[value]],
            name=f"evaluate λ={value:g}",
        )
        for value in sorted(lambdas, key=lambda value: value == own)
    }
    return [EvaluatedLambda(lambda_=value, evaluated=made[value]) for value in lambdas]


def _with(context: Context, newest: Version, lambda_: float) -> Version:
    """The newest encoder of the same modality and subspace that was trained with λ."""
    modality, subspace = newest.manifest.modality or "", origin(newest, "subspace")
    wanted: dict[str, object] = {"lambda": lambda_}
    seed = newest.manifest.seed
    if modality in context.experiment.modalities:
        settings = context.experiment.training_of(modality)
        wanted |= {"method": settings.method, "learning_rate": settings.learning_rate}
        seed = settings.seed
    for version in context.catalog.newest_first("encoder", modality):
        said = version.manifest.settings
        if (
            origin(version, "subspace") == subspace
            and version.manifest.seed == seed
            and all(said.get(key) == value for key, value in wanted.items())
        ):
            return version
    told = ", ".join(f"{key} {value}" for key, value in {**wanted, "seed": seed}.items())
    raise NotFoundError(
        f"{context.catalog.uri} holds no encoder of {modality} for the current subspace with "
        f"{told}: run 'sdml sweep FILE.yaml --modality {modality} --lambda {lambda_:g}' first"
    )
