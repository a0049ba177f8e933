"""Speed against named peers in the same run, and against what the machine can do at all."""
