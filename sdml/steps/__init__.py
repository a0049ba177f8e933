"""The steps: each one function, behind every door (Python, command line, Kubeflow, Job)."""
