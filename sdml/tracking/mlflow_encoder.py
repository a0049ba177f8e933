"""A registered encoder as MLflow loads it: this very file lies in each model version.

It needs numpy, safetensors and mlflow, and neither SDML nor torch, so that a version stays
loadable whatever becomes of them. Nothing is pickled: the weights are a safetensors file, or, where
they were too large to be copied, its address in the store.

    mlflow.pyfunc.load_model("models:/digits.image@champion").predict(features_ND)  # codes (N, K)

Features are vectors as they stood in the modality's source, before its transform. Letters: N
samples, D features, K code size.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load

_SHORTEST = 1e-12  # a row below this length has no direction
_BATCH = 1024

with warnings.catch_warnings():
    # of MLflow's own type hints
    warnings.simplefilter("ignore")
    import mlflow
    from mlflow.pyfunc.model import PythonModel, PythonModelContext


class _Predicts:
    """Features to codes. MLflow warns of a ``predict`` without a type hint that it knows, and knows
    none for arrays; it does not look at what is inherited.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Read what lies in the model version, and check the weights."""
        files = {name: Path(path) for name, path in context.artifacts.items()}
        source = json.loads(files["source.json"].read_bytes())
        path = files.get("encoder.safetensors")
        if path is None:
            path = Path(mlflow.artifacts.download_artifacts(artifact_uri=source["uri"]))
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != source["sha256"]:
            raise ValueError(f"{source['uri']}: the weights are not those that were registered")
        self._weights = load(data)
        length = int.from_bytes(data[:8], "little")
        self._note = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["sdml"])
        self._steps = json.loads(files["transform.json"].read_bytes())["steps"]
        state = files.get("transform.safetensors")
        self._state = load(state.read_bytes()) if state else {}

    def predict(
        self, context: Any, model_input: Any, params: dict[str, Any] | None = None
    ) -> npt.NDArray[np.float32]:
        """Codes (N, K), float32, of features (N, D): an array, a data frame or lists."""
        del context, params
        features_ND = np.array(model_input, dtype=np.float32)
        width = self._note["input_dim"]
        if features_ND.ndim != 2 or features_ND.shape[1] != width:
            raise ValueError(
                f"the {self._note['modality']} encoder takes rows of {width} features, but got "
                f"shape {features_ND.shape}: give features made like its training data"
            )
        codes_NK = np.empty((len(features_ND), self._note["code_dim"]), dtype=np.float32)
        for start in range(0, len(features_ND), _BATCH):
            rows = slice(start, start + _BATCH)
            codes_NK[rows] = self._encode(self._transform(features_ND[rows]))
        if not np.isfinite(codes_NK).all():
            raise ValueError("features must be finite numbers of ordinary size: look for NaN")
        return codes_NK

    def _transform(self, rows_BD: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """In float64, rounded after each step, as for training."""
        fitted = 0
        for step in self._steps:
            wide_BD = rows_BD.astype(np.float64)
            if step == "standardize":
                wide_BD -= self._state[f"{fitted}.mean"]
                wide_BD /= self._state[f"{fitted}.scale"]
                fitted += 1
            elif step == "l2":
                norms_B1 = np.linalg.norm(wide_BD, axis=1, keepdims=True)
                wide_BD /= np.where(norms_B1 > 0, norms_B1, 1.0)
            else:
                raise ValueError(f"this model version knows no transform {step!r}")
            rows_BD = wide_BD.astype(np.float32)
        return rows_BD

    def _encode(self, rows_BD: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Linear-ReLU-…-Linear, then rows of length 1 unless the training had it otherwise."""
        for layer in range(len(self._note["hidden"])):
            rows_BD = np.maximum(self._linear(rows_BD, f"hidden.{layer}"), 0)
        codes_BK = self._linear(rows_BD, "output")
        if not self._note["normalize_code"]:
            return codes_BK
        norms_B1 = np.linalg.norm(codes_BK, axis=1, keepdims=True)
        codes_BK /= np.where(norms_B1 <= _SHORTEST, np.inf, norms_B1).astype(np.float32)
        return codes_BK

    def _linear(self, rows_BD: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
        rows_BO: npt.NDArray[np.float32] = rows_BD @ self._weights[f"{name}.weight"].T
        bias_O = self._weights.get(f"{name}.bias")
        return rows_BO if bias_O is None else rows_BO + bias_O


class EncoderModel(_Predicts, PythonModel):
    """What MLflow loads."""


mlflow.models.set_model(EncoderModel())
