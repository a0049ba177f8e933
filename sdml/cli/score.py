"""``sdml score``: mAP of anybody's codes, with the same metric as ``sdml evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sdml.cli.console import Console
from sdml.cli.options import Commands, command


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "score",
        _run,
        summary="score codes made by any program: mAP of queries against a gallery",
        examples="""
sdml score --query q.npy --query-labels qy.npy --gallery g.npy --gallery-labels gy.npy
sdml score --query q.npy --query-labels qy.npy --gallery g.npy --gallery-labels gy.npy \\
    --top-k 50 --denominator hits --json""",
    )
    for side in ("query", "gallery"):
        parser.add_argument(
            f"--{side}", required=True, type=Path, metavar="CODES.npy", help="codes, N×K"
        )
        parser.add_argument(
            f"--{side}-labels",
            required=True,
            type=Path,
            metavar="Y.npy",
            help="class numbers (N), or 0/1 for each class (N×C)",
        )
    parser.add_argument("--top-k", type=int, default=50, metavar="K", help="depth of mAP@k (50)")
    parser.add_argument(
        "--denominator",
        choices=("hits", "min", "relevant"),
        default="min",
        help="AP@k is divided by: relevant items found in the top k; min(relevant, k); relevant",
    )
    parser.add_argument(
        "--empty-query", choices=("zero", "skip"), default="zero", help="queries without any hit"
    )
    parser.add_argument(
        "--relevance", choices=("any", "exact"), default="any", help="share a class, or all"
    )
    parser.add_argument(
        "--similarity",
        choices=("cosine", "inner"),
        default="cosine",
        help="cosine of the codes, or their inner product (for class posteriors)",
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.score import score_files

    scored = score_files(
        query=arguments.query,
        query_labels=arguments.query_labels,
        gallery=arguments.gallery,
        gallery_labels=arguments.gallery_labels,
        top_k=arguments.top_k,
        denominator=arguments.denominator,
        empty_query=arguments.empty_query,
        relevance=arguments.relevance,
        similarity=arguments.similarity,
    )
    console.result(
        scored,
        [
            f"mAP     {scored['map']:.4f}   (chance {scored['chance']:.4f})",
            f"mAP@{scored['k']:<3} {scored['map_at_k']:.4f}",
            f"{scored['queries']} queries, {scored['gallery']} gallery items",
        ],
    )
