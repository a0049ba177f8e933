"""The experiment file as a pod will read it: its text unchanged, and what it says there.

The text goes into the ConfigMap as it was written, so that ``${VARIABLES}`` are filled where
the addresses are known: in the pod. Here they get stand-ins, to check everything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.pod_address import is_loopback, tracking_host
from sdml.errors import ExperimentError
from sdml.experiment import Experiment, ModalitySettings, parse_experiment

FOLDER = Path("/etc/sdml")
FILE = "experiment.yaml"

# What the ConfigMap sdml-endpoints sets in every pod. The values only stand for others.
VARIABLES = {
    "SDML_STORE": "s3://bucket/prefix",
    "MLFLOW_TRACKING_URI": "http://tracking:5000",
    "AWS_ENDPOINT_URL_S3": "http://object-store:8333",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_PASSWORD = re.compile(r"://[^/\s@]*@")
_LARGEST = 1_000_000  # bytes; a ConfigMap holds a mebibyte in all


@dataclass(frozen=True, kw_only=True)
class PodExperiment:
    """A checked experiment file for one modality.

    Attributes:
        text: the file, as it was written.
        experiment: what it says, with stand-ins for the variables.
        modality: the one to train.
        notes: what could not be checked from here.
    """

    text: str
    experiment: Experiment
    modality: str
    notes: tuple[str, ...] = ()


def read_for_pod(path: Path, modality: str) -> PodExperiment:
    """Read an experiment file and check that it can work inside a pod.

    Raises:
        ExperimentError: as ``read_experiment``; no such modality; a store, a tracking address
            or a source that no pod can reach; a password; too long for a ConfigMap.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(
            f"{path}: cannot be read as an experiment file: {error}: "
            "correct the path, or write YAML in UTF-8"
        ) from error
    _check_text(text, path)
    experiment = parse_experiment(
        text, where=f"{path}, as the pod will read it", folder=FOLDER, environment=VARIABLES
    )
    if modality not in experiment.modalities:
        raise ExperimentError(
            f"modality {modality!r} is not in the experiment file {path}, "
            f"which has: {', '.join(experiment.modalities)}"
        )
    _check_store(experiment, path)
    _check_tracking(experiment, path)
    notes = _check_sources(experiment.modalities[modality], f"modalities.{modality}", path)
    return PodExperiment(text=text, experiment=experiment, modality=modality, notes=notes)


def _check_text(text: str, path: Path) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        if _PASSWORD.search(line):
            raise ExperimentError(
                f"{path}: a ConfigMap is readable by many, so no address in the file may hold a "
                f"user or password, as one in line {number} does: take it out and put it into "
                "the Secret sdml-store-credentials or sdml-tracking-credentials"
            )
    size = len(text.encode())
    if size > _LARGEST:
        raise ExperimentError(
            f"{path}: a ConfigMap holds {_LARGEST} bytes, the file has {size}: shorten it"
        )


def _check_store(experiment: Experiment, path: Path) -> None:
    if not experiment.store.startswith("s3://"):
        raise ExperimentError(
            f"{path}: store must be an s3:// address in a cluster, got "
            f"{_as_written(experiment.store)!r}: write store: ${{SDML_STORE}}"
        )


def _check_tracking(experiment: Experiment, path: Path) -> None:
    tracking = experiment.tracking
    if tracking is not None and not tracking.startswith(("http://", "https://")):
        raise ExperimentError(
            f"{path}: tracking must be a server's address in a cluster, got {tracking!r}, which "
            "would end with the pod: write tracking: ${MLFLOW_TRACKING_URI}, or tracking: null"
        )
    if is_loopback(tracking_host(tracking or "", where=f"{path}: tracking")):
        raise ExperimentError(
            f"{path}: tracking must be an address that pods reach, got {tracking!r}, which in a "
            "pod is the pod itself: write tracking: ${MLFLOW_TRACKING_URI}, or tracking: null"
        )


def _check_sources(modality: ModalitySettings, where: str, path: Path) -> tuple[str, ...]:
    labels = modality.labels
    addresses = {f"{where}.source": modality.source}
    if isinstance(labels, dict):
        addresses |= {f"{where}.labels.{split}": file for split, file in labels.items()}
    elif labels is not None:
        addresses[f"{where}.labels"] = labels
    notes = []
    for key, address in addresses.items():
        if address.startswith("s3://"):
            continue
        if "://" in address or Path(address).is_relative_to(FOLDER):
            raise ExperimentError(
                f"{path}: {key} must be an s3:// address or a path that exists in the pod, got "
                f"{_as_written(address)!r}: copy the data into a bucket, and write its s3:// "
                "address"
            )
        notes.append(
            f"{key}: {address} must exist in the pod: in the image, or in /scratch on a claim"
        )
    return tuple(notes)


def _as_written(address: str) -> str:
    return address.removeprefix(f"{FOLDER}/")
