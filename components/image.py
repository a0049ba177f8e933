"""The image that every task runs in; ``SDML_IMAGE`` at compile time names another."""

from __future__ import annotations

import os

IMAGE = os.environ.get("SDML_IMAGE", "sdml:0.1.0-cpu")
