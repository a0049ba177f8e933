"""``python -m pipelines``: one file per action."""
