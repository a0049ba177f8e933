"""What a cluster is asked for: images, names of Secrets, and each pod's resources.

Nothing here changes a result, and nothing here is secret: Secrets are named, never held.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from sdml.experiment.base import Settings, Whole
from sdml.experiment.quantity import Cpu, Memory, bytes_of, cores

_OBJECT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def _object_name(value: str) -> str:
    if not _OBJECT.fullmatch(value):
        raise ValueError(
            "names in a cluster are lower-case letters, digits, - and ., "
            "beginning and ending with a letter or digit"
        )
    return value


class TolerationSettings(Settings):
    """A taint that the pod accepts. Without ``value``, any value of ``key``."""

    key: str | None = None
    operator: Literal["Equal", "Exists"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    seconds: Annotated[Whole, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.operator == "Equal") != (self.value is not None):
            raise ValueError("value goes with operator: Equal, and Equal with a value")
        if self.key is None and self.operator == "Equal":
            raise ValueError("operator: Equal needs a key")
        if self.seconds is not None and self.effect != "NoExecute":
            raise ValueError("seconds goes with effect: NoExecute only")
        return self


class ScratchSettings(Settings):
    """Room for temporary files: an emptyDir of at most ``size``, or an existing PVC."""

    size: Memory = "10Gi"
    claim: str | None = None


class ResourceSettings(Settings):
    """What one pod asks the cluster for.

    Limits are the requests unless they are named. ``retries`` are those after a failure that
    is not the user's mistake; the n-th waits ``backoff_seconds`` · 2ⁿ⁻¹. ``priority_class`` is a
    PriorityClass for Jobs, and a WorkloadPriorityClass of Kueue for pipelines, which cannot set
    the former. ``queue`` is a LocalQueue of Kueue.
    """

    accelerator: str | None = None
    count: Annotated[Whole, Field(ge=0)] = 0
    cpu: Cpu = "2"
    cpu_limit: Cpu | None = None
    memory: Memory = "4Gi"
    memory_limit: Memory | None = None
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[TolerationSettings, ...] = ()
    shared_memory: Memory = "1Gi"
    scratch: ScratchSettings = ScratchSettings()
    timeout_seconds: Annotated[Whole, Field(ge=1)] = 86_400
    retries: Annotated[Whole, Field(ge=0)] = 3
    backoff_seconds: Annotated[Whole, Field(ge=0)] = 30
    image: str | None = None
    priority_class: str | None = None
    queue: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.accelerator is None) != (self.count == 0):
            raise ValueError("accelerator and count go together: name both or neither")
        if self.cpu_limit and cores(self.cpu_limit) < cores(self.cpu):
            raise ValueError(f"cpu_limit {self.cpu_limit} is below cpu {self.cpu}")
        if self.memory_limit and bytes_of(self.memory_limit) < bytes_of(self.memory):
            raise ValueError(f"memory_limit {self.memory_limit} is below memory {self.memory}")
        return self


class ClusterSettings(Settings):
    """The cluster's names, and the resources of every task that does not say its own.

    ``config_map`` holds endpoints and ``store_secret`` and ``tracking_secret`` credentials,
    each under the name of the environment variable that it becomes; the last may be absent.
    ``parallelism`` is how many iterations of one loop of a pipeline may run at a time (None: all).
    """

    namespace: str = "sdml"
    image: str = "sdml:0.1.0-cpu"
    gpu_image: str = "sdml:0.1.0-gpu"
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    service_account: str = "sdml-job"
    config_map: str = "sdml-endpoints"
    store_secret: str = "sdml-store-credentials"  # noqa: S105  (a name)
    tracking_secret: str = "sdml-tracking-credentials"  # noqa: S105  (a name)
    resources: ResourceSettings = ResourceSettings()
    parallelism: Annotated[Whole, Field(ge=1)] | None = None

    @field_validator(
        "namespace", "service_account", "config_map", "store_secret", "tracking_secret"
    )
    @classmethod
    def _names(cls, value: str) -> str:
        return _object_name(value)

    def image_for(self, resources: ResourceSettings) -> str:
        """The image of a pod: its own, or that for a GPU, or that for a CPU."""
        return resources.image or (self.gpu_image if resources.accelerator else self.image)
