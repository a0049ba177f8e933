"""The ``sdml`` command: one file per command, each a thin door to one step."""
