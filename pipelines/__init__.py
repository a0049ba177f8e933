"""Kubeflow pipelines: train, new-modality and sweep; compile, run locally, submit."""
