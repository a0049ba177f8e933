"""Build the raw inputs of the digits collection: ``python -m examples.digits.build``.

Images, texts and touch-tone recordings of the ten digits, offline, with the same bytes each time
(for the same seed and the same versions of numpy, pillow and scikit-learn). A finished folder
appears at once: everything is written beside it first and then renamed.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from examples.digits.images import write_images
from examples.digits.texts import write_texts
from examples.digits.touch_tones import write_recordings
from sdml.errors import DataError, SDMLError

logger = logging.getLogger(__name__)

DEFAULT_OUTPUT = Path(__file__).with_name("data")
MARKER = "build.json"


def build(output: Path, *, seed: int = 0) -> dict[str, dict[str, int]]:
    """Write the collection to ``output``; an earlier build there is replaced.

    Args:
        output: the folder to make.
        seed: of the recordings; images and texts involve no chance.

    Returns:
        How many items each table has in each split; the same stands in ``build.json``.

    Raises:
        DataError: ``output`` exists and was not made by this function.
        MissingExtraError: scikit-learn or pillow is not installed.
    """
    if output.exists() and not (output / MARKER).is_file():
        raise DataError(
            f"the output must be a new folder or an earlier build, but {output} exists and holds "
            f"no {MARKER}: name another folder with --output"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{output.name}.", dir=output.parent) as scratch:
        partial = Path(scratch) / "new"
        partial.mkdir()
        items = {
            "images": Counter(str(row.split) for row in write_images(partial)),
            "texts": Counter(str(row.split) for row in write_texts(partial)),
            "recordings": Counter(str(row.split) for row in write_recordings(partial, seed=seed)),
        }
        counts = {table: dict(count) for table, count in items.items()}
        marker = json.dumps({"seed": seed, "items": counts}, indent=2) + "\n"
        (partial / MARKER).write_text(marker, encoding="utf-8")
        if output.exists():
            output.rename(Path(scratch) / "old")
        partial.rename(output)
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code of :mod:`sdml.errors`."""
    parser = argparse.ArgumentParser(prog="python -m examples.digits.build", description=__doc__)
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="folder to make")
    parser.add_argument("--seed", type=_seed, default=0, help="of the recordings")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        counts = build(options.output, seed=options.seed)
    except SDMLError as error:
        logger.error("error: %s", error)
        return error.exit_code
    for table, splits in counts.items():
        shares = ", ".join(f"{count} {split}" for split, count in splits.items())
        logger.info("%s: %s", options.output / f"{table}.csv", shares)
    return 0


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError(f"a seed must be at least 0, not {seed}")
    return seed


if __name__ == "__main__":
    sys.exit(main())
