"""One-off training Jobs: rendered from an experiment file, applied to a cluster, watched."""
