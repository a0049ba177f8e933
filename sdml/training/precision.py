"""What ``training.precision: auto`` means for one training on one device.

bf16 only where it is both faster and safe: the processor or GPU multiplies bfloat16 itself, and
the method's outputs are unit vectors whose losses are not squared, so that no value outgrows what
three digits can tell apart. Networks too small to gain stay with fp32, and so do DRCL and MTLS,
for which nobody has measured it.

The choice is made once, before a training is named, so the name, the checkpoint and the encoder's
manifest have it; on another kind of machine ``auto`` may be another training.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from pathlib import Path

import torch

from sdml.experiment import TrainingSettings

logger = logging.getLogger(__name__)

_WORTHWHILE = 512  # outputs of the widest layer from which the rounding pays
_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
_AMPERE = 8  # NVIDIA's first generation with bfloat16 products


def decided(
    settings: TrainingSettings, device: torch.device, *, root: Path = Path("/")
) -> TrainingSettings:
    """The settings with ``auto`` replaced by a precision, which is logged.

    Args:
        settings: of one modality.
        device: that it is trained on.
        root: where ``proc`` is mounted.
    """
    if settings.precision != "auto":
        return settings
    doubt = _unsafe(settings) or _slow(settings, device, root)
    precision = "fp32" if doubt else "bf16"
    reason = doubt or f"{device.type} multiplies bfloat16, and outputs are unit vectors"
    logger.info("training.precision auto is %s: %s", precision, reason)
    return settings.model_copy(update={"precision": precision})


def _unsafe(settings: TrainingSettings) -> str:
    """Why these settings need fp32, or nothing."""
    if settings.method in ("drcl", "mtls"):
        return f"method {settings.method} is trained in fp32"
    if settings.squared:
        return "squared losses need fp32"
    if not (settings.normalize_code and settings.normalize_reconstruction):
        return "outputs that are no unit vectors need fp32"
    return ""


def _slow(settings: TrainingSettings, device: torch.device, root: Path) -> str:
    """Why bf16 would gain nothing here, or nothing."""
    if max(settings.hidden, default=0) < _WORTHWHILE:
        return "the networks are small"
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        return "" if major >= _AMPERE else "this GPU does not multiply bfloat16"
    return "" if multiplies_bf16(root=root) else "this processor does not multiply bfloat16"


def multiplies_bf16(flags: Set[str] = _BF16_FLAGS, root: Path = Path("/")) -> bool:
    """Whether all cores have bfloat16 products.

    Args:
        flags: of /proc/cpuinfo, of which any will do; by default AMX's and AVX-512's.
        root: where ``proc`` is mounted.
    """
    try:
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    cores = [set(line.split()) for line in text.splitlines() if line.startswith("flags")]
    return bool(cores) and all(core & flags for core in cores)
