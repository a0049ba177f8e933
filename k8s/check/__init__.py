"""Builds and checks every kustomization of this folder. See ``python -m k8s.check``."""
