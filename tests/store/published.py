"""Encoders to publish in tests, and what lies in a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdml.store import Catalog, Version

OBJECTS: dict[str, bytes | Path] = {"encoder.safetensors": b"weights", "notes.json": b"{}"}


def publish(catalog: Catalog, modality: str = "image", **more: Any) -> Version:
    """A small encoder."""
    return catalog.publish("encoder", **{"objects": OBJECTS, "modality": modality, **more})


def keys(catalog: Catalog) -> list[str]:
    """The keys of the whole store."""
    return [info.key for info in catalog.store.list("")]
