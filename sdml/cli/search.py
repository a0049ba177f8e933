"""``sdml search``: the gallery items nearest to a query of another modality."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.table import Table

from sdml.cli.console import Console
from sdml.cli.options import Commands, command, experiment_argument, open_experiment


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(
        commands,
        "search",
        _run,
        summary="find the items of one modality that are nearest to a query of another",
        examples="""
sdml search experiment.yaml --query image --input features.npy --row 3 --gallery text --top 10
sdml search experiment.yaml --query audio --input tone.wav --gallery image --class 7
sdml search my.yaml --query image --input x.npy --gallery text --codes a.npy --codes b.npy""",
    )
    experiment_argument(parser)
    parser.add_argument("--query", required=True, metavar="M", help="modality of the query")
    parser.add_argument(
        "--input", required=True, metavar="X.npy", help="vectors, or raw items (file or glob)"
    )
    parser.add_argument("--row", type=int, metavar="I", help="only this row of the input, from 0")
    parser.add_argument("--gallery", required=True, metavar="N", help="modality to search in")
    parser.add_argument(
        "--codes",
        type=Path,
        action="append",
        default=[],
        metavar="CODES.npy",
        help="codes of the gallery modality that embed wrote, in place of its stored items; may be "
        "repeated: the files are one gallery",
    )
    parser.add_argument("--top", type=int, default=10, metavar="K", help="hits a query (10)")
    parser.add_argument(
        "--similarity",
        choices=("cosine", "posterior"),
        default="cosine",
        help="what ranks: codes as they are, or what they say about the classes (cosine)",
    )
    parser.add_argument(
        "--class", dest="class_name", metavar="NAME", help="the query's class: marks its hits"
    )
    parser.add_argument(
        "--index",
        choices=("hnsw",),
        help="search approximately, and say how many of the exact hits that finds",
    )


def _run(arguments: argparse.Namespace, console: Console) -> None:
    from sdml.steps.search import search

    found = search(
        open_experiment(arguments),
        query=arguments.query,
        source=arguments.input,
        row=arguments.row,
        gallery=arguments.gallery,
        top=arguments.top,
        similarity=arguments.similarity,
        class_name=arguments.class_name,
        index=arguments.index,
        codes=arguments.codes,
    )
    text: list[str | Table] = []
    for query in found.queries:
        table = Table("rank", "score", title=f"row {query.row}")
        for name in ("class", "item"):
            table.add_column(name, overflow="fold")
        for hit in query.hits:
            mark = " ✓" if arguments.class_name in hit.classes else ""
            name = ", ".join(hit.classes) or "unlabelled"
            table.add_row(str(hit.rank), f"{hit.score:.4f}", name + mark, hit.item)
        text.append(table)
        if query.precision is not None:
            text.append(
                f"precision@{len(query.hits)} for {arguments.class_name}: {query.precision:.2f}"
            )
    if found.recall is not None:
        text.append(f"{arguments.index} found {found.recall:.1%} of the exact hits")
    console.result(found.to_json(), text)
