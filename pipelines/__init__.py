"""Kubeflow pipelines: train, new-modality, sweep and prior; compile, run locally, submit."""

# Known without importing kfp, so that the command line can say that kfp is missing.
NAMES = ("train", "new-modality", "sweep", "prior")
