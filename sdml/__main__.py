"""``python -m sdml`` is the ``sdml`` command."""

from __future__ import annotations

import sys

from sdml.cli.main import main

sys.exit(main())
