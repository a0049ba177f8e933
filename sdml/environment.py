"""Environment variables that torch reads once, when it is first imported.

Called by every process of ours before torch is imported; what the user has set is kept.
"""

from __future__ import annotations

import os

DEFAULTS = {
    # Waiting threads spin for some microseconds and then sleep. For longer, they would take the
    # cores that other modalities, or the neighbours on a shared node, train with: on two busy
    # cores, ten times as many spins made a training step four times slower.
    "GOMP_SPINCOUNT": "10000",
    # Large pages spare a training step most of its page faults.
    "THP_MEM_ALLOC_ENABLE": "1",
}


def set_defaults() -> None:
    """Set each variable that the user has not set."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
