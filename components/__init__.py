"""Kubeflow components: thin doors to the steps. Only the standard library and kfp above."""
