"""Several processes that train one modality together: each takes a part of every batch.

A launcher (``sdml train --processes``, ``torchrun``) starts them and says in the environment who
is who. All hold the same weights and read the same samples in the same order. Of a batch's B rows
each rank takes its own, weighs its losses so that the sum over the ranks is the loss of the whole
batch, and the gradients are added up before the one step of Adam that all of them make: the same
training as in one process, but for the rounding of sums.

Losses and gradient of a step lie in one flat buffer, so one message a step is enough, and a rank
without rows (fewer rows than ranks) has only to add zeros. torch's DistributedDataParallel hides
its messages behind the backward pass, but these networks are small beside their batches, and it
would need a wrapper module, scaled losses and further messages for losses and stops.

What else must be agreed (a stop, the checkpoint) goes through a second group on the CPU, so that
nobody waits for a GPU. Validation is repeated on each rank, which would wait for it anyway: then
history, selection and errors are the same everywhere without a message.

Letters: D features, K code size, C classes, B samples in a batch.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor

from sdml.errors import RankError, UserError
from sdml.experiment import TrainingSettings
from sdml.objectives import weighted
from sdml.training.consistency import ConsistencyLearner
from sdml.training.device import find_device
from sdml.training.learner import Learner
from sdml.training.optimised import Optimised
from sdml.training.transfer import TransferLearner

logger = logging.getLogger(__name__)

_PATIENCE = timedelta(minutes=30)  # for a rank that saves or publishes
_NOTHING, _FAILED = -1, -2
_OF_METHOD: dict[str, Callable[..., Optimised]] = {
    "drcl": ConsistencyLearner,
    "mtls": TransferLearner,
}


class Ranks:
    """The processes that train together, seen from one of them. This class: it is alone."""

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1

    @property
    def leads(self) -> bool:
        """Whether this one writes, tracks and speaks."""
        return self.rank == 0

    def any(self, said: bool) -> bool:
        """Whether any rank has said so; all get the same answer at the same call.

        A rank may hear of it one call later, so that nobody waits.
        """
        return said

    def first(self, make: Callable[[], bytes | None]) -> bytes | None:
        """What ``make`` returns on rank 0; it is not called on the others.

        Raises:
            RankError: it has failed there.
        """
        return make()

    def first_text(self, make: Callable[[], str]) -> str:
        """The same for text."""
        return (self.first(lambda: make().encode()) or b"").decode()

    def wait(self) -> None:
        """Until all have come here."""

    def learner(
        self,
        features: int,
        projection_KC: npt.NDArray[np.float32],
        settings: TrainingSettings,
        device: torch.device,
    ) -> Optimised:
        """The method's learner, with steps of all ranks together; arguments as of Learner."""
        made_by = _OF_METHOD.get(settings.method, Learner)
        return made_by(features, projection_KC, settings, device)


ALONE = Ranks()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which of the processes this one is, as a launcher has said."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    address: str = ""
    port: int = 0

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Place:
        """From RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT.

        Without WORLD_SIZE, or if it is 1, the process is alone.

        Raises:
            UserError: they do not fit together.
        """
        size = _number(environment, "WORLD_SIZE", 1)
        if size == 1:
            return cls()
        place = cls(
            rank=_number(environment, "RANK", -1),
            size=size,
            local_rank=_number(environment, "LOCAL_RANK", 0),
            local_size=_number(environment, "LOCAL_WORLD_SIZE", 1),
            address=environment.get("MASTER_ADDR", ""),
            port=_number(environment, "MASTER_PORT", 0),
        )
        sound = 0 <= place.rank < size and 0 <= place.local_rank < place.local_size <= size
        if not (sound and place.address and place.port > 0):
            raise UserError(
                "processes that train together need RANK below WORLD_SIZE, LOCAL_RANK below "
                "LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT in their environment, but have "
                f"{place}: start them with --processes or torchrun, or unset WORLD_SIZE"
            )
        return place


@contextmanager
def joined(place: Place, device: str) -> Iterator[Ranks]:
    """Join the other processes, if there are any.

    Args:
        place: which one this is.
        device: as in the experiment file; gradients travel by NCCL between GPUs, else by Gloo.

    Raises:
        ExperimentError: there is no such device for this rank.
        RankError: the others did not come.
    """
    if place.size == 1:
        yield ALONE
        return
    found = find_device(device, local_rank=place.local_rank, local_size=place.local_size)
    if found.type == "cuda":
        torch.cuda.set_device(found)
    with _others(place.rank):
        dist.init_process_group(
            "nccl" if found.type == "cuda" else "gloo",
            init_method=f"tcp://{place.address}:{place.port}",
            rank=place.rank,
            world_size=place.size,
            timeout=_PATIENCE,
        )
        control = dist.new_group(backend="gloo", timeout=_PATIENCE)
    logger.info("training with %d processes", place.size)
    yield _Group(place, control)
    dist.destroy_process_group()  # not after an error: it could wait for those who are gone


class _Group(Ranks):
    """One of several."""

    def __init__(self, place: Place, control: dist.ProcessGroup) -> None:
        self.rank, self.size = place.rank, place.size
        self.local_rank, self.local_size = place.local_rank, place.local_size
        self._control = control
        self._asked: tuple[Tensor, dist.Work] | None = None

    def any(self, said: bool) -> bool:
        """The answer to the question before, while the new one is on its way."""
        with _others(self.rank):
            if self._asked is not None:
                flag, work = self._asked
                work.wait()
                self._asked = None
                if flag:
                    return True
            flag = torch.tensor(int(said))
            work = dist.all_reduce(flag, dist.ReduceOp.MAX, group=self._control, async_op=True)
        self._asked = flag, work
        return False

    def first(self, make: Callable[[], bytes | None]) -> bytes | None:
        """The length goes first, then the bytes."""
        data: bytes | None = None
        if self.leads:
            try:
                data = make()
            except BaseException:
                with suppress(RankError):  # the failure here is the one to tell
                    self._spread(torch.tensor(_FAILED))
                raise
        length = int(self._spread(torch.tensor(_NOTHING if data is None else len(data))))
        if length == _FAILED:
            raise RankError(f"process {self.rank} of a training ends, since process 0 has failed")
        if length == _NOTHING:
            return None
        content = np.frombuffer(data, np.uint8).copy() if data else np.empty(length, np.uint8)
        return self._spread(torch.from_numpy(content)).numpy().tobytes() if length else b""

    def wait(self) -> None:
        """See :meth:`Ranks.wait`."""
        with _others(self.rank):
            dist.barrier(group=self._control)

    def add_up(self, values: Tensor) -> None:
        """Replace values by their sums over the ranks."""
        with _others(self.rank):
            dist.all_reduce(values)

    def own(self, rows: int) -> slice:
        """This rank's part of so many rows; sizes differ by one at most."""
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def learner(
        self,
        features: int,
        projection_KC: npt.NDArray[np.float32],
        settings: TrainingSettings,
        device: torch.device,
    ) -> Optimised:
        """See :meth:`Ranks.learner`.

        Raises:
            UserError: the method's loss cannot be divided among processes.
        """
        if settings.method in _OF_METHOD:  # compares every sample of a batch with every other
            raise UserError(
                f"method {settings.method} trains in one process, not in {self.size}: leave "
                "--processes out"
            )
        return _ParallelLearner(features, projection_KC, settings, device, self)

    def _spread(self, values: Tensor) -> Tensor:
        with _others(self.rank):
            dist.broadcast(values, 0, group=self._control)
        return values


class _ParallelLearner(Learner):
    """A learner whose gradients are sums over the ranks."""

    _alone = False

    def __init__(
        self,
        features: int,
        projection_KC: npt.NDArray[np.float32],
        settings: TrainingSettings,
        device: torch.device,
        group: _Group,
    ) -> None:
        super().__init__(features, projection_KC, settings, device)
        self._group = group
        parameters = list(self._trained.values())
        sizes = [parameter.numel() for parameter in parameters]
        self._sums = torch.zeros(sum(sizes) + 3, device=device)
        *gradients, self._losses_3 = torch.split(self._sums, [*sizes, 3])
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.view_as(parameter)  # backward adds to it, in place

    def step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """One step of Adam on the whole batch, of which this rank does its part."""
        own = self._group.own(len(features_BD))
        self._sums.zero_()
        if own.start < own.stop:
            losses = self._forward(features_BD[own], targets_BC[own])
            labelled_B = targets_BC.any(1).float()
            rows = (own.stop - own.start) / len(features_BD)
            labelled = labelled_B[own].sum() / labelled_B.sum().clamp(min=1)
            reconstruction = losses.reconstruction * rows
            supervised = losses.supervised * labelled
            parts = weighted(reconstruction, supervised, self._settings.lambda_)
            parts.total.backward()  # type: ignore[no-untyped-call]
            self._losses_3.copy_(torch.stack(parts).detach())
        self._group.add_up(self._sums)
        self._adam.step()
        return self._losses_3.clone()


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise UserError(
            f"the environment variable {name} must be a number, not {text!r}: start the processes "
            "with --processes or torchrun, or unset it"
        ) from None


@contextmanager
def _others(rank: int) -> Iterator[None]:
    """Map what torch says when a message could not be exchanged."""
    try:
        yield
    except RuntimeError as error:
        (reason, *_) = str(error).splitlines() or [type(error).__name__]
        raise RankError(
            f"process {rank} of a training ends, since another one is gone ({reason[:120]}): see "
            "what that one said, and start all of them again"
        ) from error
