"""Texts: number words of many languages, from number_words.tsv beside this file.

Languages are disjoint between the splits, and every language of validation and test has relatives
in train (the column ``family``), which is what makes generalising possible at all. Related
languages also share whole words, so two rules keep the splits apart, both after folding case and
accents (*três* and *tres* are one spelling):

- a spelling that names two digits somewhere (Danish *ni* is 9, Japanese *ni* is 2) is left out;
- a spelling stays in the first split that has it, in the order train, validation, test.

Each text stands once, in the case and with the accents of the table: variants of case would only
repeat samples, since the extractor folds both.
"""

from __future__ import annotations

import csv
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

from examples.digits.tables import write_table
from sdml.errors import DataError
from sdml.experiment import SPLITS, SplitName

WORDS = Path(__file__).with_name("number_words.tsv")
COLUMNS = (
    *("code", "language", "family", "script", "split"),
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
)


class Line(NamedTuple):
    """One line of number_words.tsv: ten words of one language in one script."""

    code: str
    language: str
    family: str
    script: str
    split: SplitName
    words: tuple[str, ...]


class Text(NamedTuple):
    """One row of texts.csv."""

    text: str
    label: int
    language: str
    split: SplitName


def read_words(path: Path = WORDS) -> list[Line]:
    """Read number_words.tsv.

    Raises:
        DataError: a line does not have its columns, its split, or ten distinct words.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = list(
        csv.reader(
            (line for line in lines if not line.startswith("#")),
            delimiter="\t",
            quoting=csv.QUOTE_NONE,
        )
    )
    if not rows or tuple(rows[0]) != COLUMNS:
        raise DataError(f"{path}: the columns must be {', '.join(COLUMNS)}, not {rows[:1]}")
    for row in rows[1:]:
        if len(row) != len(COLUMNS) or row[4] not in SPLITS or len(set(row[5:])) != 10:
            raise DataError(f"{path}: a line needs a split and ten distinct words, not {row}")
    return [
        Line(row[0], row[1], row[2], row[3], cast(SplitName, row[4]), tuple(row[5:]))
        for row in rows[1:]
    ]


def without_accents(word: str) -> str:
    """The word without combining diacritics of the Latin, Greek and Cyrillic scripts."""
    letters = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFC", "".join(c for c in letters if not "̀" <= c <= "ͯ"))


def fold(word: str) -> str:
    """What two spellings have in common when they are told apart by case or accents only."""
    return without_accents(word.casefold())


def select(lines: Sequence[Line]) -> list[Text]:
    """All texts of all splits, by the rules in the docstring of this module."""
    digits = defaultdict(set)
    for line in lines:
        for digit, word in enumerate(line.words):
            digits[fold(word)].add(digit)
    home: dict[str, SplitName] = {}
    for split in SPLITS:
        for line in lines:
            if line.split == split:
                for word in line.words:
                    home.setdefault(fold(word), split)
    # A dictionary keeps the first language of a text that several languages share.
    texts: dict[str, Text] = {}
    for line in lines:
        for digit, word in enumerate(line.words):
            if len(digits[fold(word)]) > 1 or home[fold(word)] != line.split:
                continue
            texts.setdefault(word, Text(word, digit, line.code, line.split))
    return list(texts.values())


def write_texts(folder: Path) -> list[Text]:
    """Write ``texts.csv``."""
    rows = select(read_words())
    write_table(folder / "texts.csv", Text._fields, rows)
    return rows
