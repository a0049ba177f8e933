from __future__ import annotations

import unicodedata
from collections import defaultdict
from pathlib import Path

import pytest

from examples.digits.texts import COLUMNS, fold, read_words, select, without_accents
from sdml.errors import DataError

LINES = read_words()


def test_there_are_many_languages_each_with_ten_distinct_words() -> None:
    assert len({line.code for line in LINES}) == 96
    for line in LINES:
        assert len(set(line.words)) == 10, line
        assert all(word == word.strip() and word for word in line.words), line
        assert all(word == unicodedata.normalize("NFC", word) for word in line.words), line
    assert len({(line.code, line.script) for line in LINES}) == len(LINES)


def test_words_are_written_in_the_script_that_the_line_names() -> None:
    names = {
        **{"Latn": "LATIN", "Cyrl": "CYRILLIC", "Grek": "GREEK", "Hebr": "HEBREW"},
        **{"Arab": "ARABIC", "Deva": "DEVANAGARI", "Beng": "BENGALI", "Guru": "GURMUKHI"},
        **{"Gujr": "GUJARATI", "Sinh": "SINHALA", "Taml": "TAMIL", "Mlym": "MALAYALAM"},
        **{"Telu": "TELUGU", "Knda": "KANNADA", "Armn": "ARMENIAN", "Ethi": "ETHIOPIC"},
        **{"Geor": "GEORGIAN", "Hang": "HANGUL", "Thai": "THAI", "Hani": "CJK"},
    }
    for line in LINES:
        for letter in (letter for word in line.words for letter in word):
            if unicodedata.category(letter) in ("Lm", "Po"):
                continue  # the ʻokina, the apostrophe
            scripts = ("HIRAGANA", "KATAKANA") if line.script == "Kana" else (names[line.script],)
            assert unicodedata.name(letter).split()[0] in scripts, (line.code, letter)


def test_a_script_other_than_latin_comes_with_a_romanisation() -> None:
    latin = {line.code for line in LINES if line.script == "Latn"}
    assert {line.code for line in LINES} == latin


def test_a_language_is_in_one_split_and_has_relatives_in_train() -> None:
    splits = defaultdict(set)
    for line in LINES:
        splits[line.code].add(line.split)
    assert all(len(found) == 1 for found in splits.values())
    trained = {line.family for line in LINES if line.split == "train"}
    scripts = {line.script for line in LINES if line.split == "train"}
    for line in LINES:
        assert line.script in scripts
        assert line.family in trained or line.language == "Esperanto", line


def test_no_spelling_names_two_digits_or_is_in_two_splits() -> None:
    texts = select(LINES)
    assert len({text.text for text in texts}) == len(texts)
    places = defaultdict(set)
    for text in texts:
        places[fold(text.text)].add((text.label, text.split))
    assert all(len(found) == 1 for found in places.values())


def test_what_is_left_out_is_only_what_the_rules_name() -> None:
    texts = select(LINES)
    kept = {text.text for text in texts}
    meanings = defaultdict(set)
    for line in LINES:
        for digit, word in enumerate(line.words):
            meanings[fold(word)].add(digit)
    ambiguous = {word for word, digits in meanings.items() if len(digits) > 1}
    assert ambiguous == {"ba", "ni", "san", "se", "sei", "twa"}
    trained = {fold(word) for line in LINES if line.split == "train" for word in line.words}
    for line in LINES:
        for word in line.words:
            if word not in kept:
                earlier = line.split != "train" and fold(word) in trained
                validated = line.split == "test" and any(
                    text.split == "validation" and fold(text.text) == fold(word) for text in texts
                )
                assert fold(word) in ambiguous or earlier or validated, (line.code, word)


def test_folding_keeps_the_signs_of_other_scripts() -> None:
    assert without_accents("três ёж ένα") == "tres еж ενα"
    assert fold("ŠEST") == fold("šest") == "sest"
    assert fold("छह तीन") == "छह तीन"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns"),
        ("code\tlanguage\n", "columns"),
        ("\t".join(COLUMNS) + "\nxx\tX\tF\tLatn\ttrain\ta\tb\n", "ten distinct"),
        ("\t".join(COLUMNS) + "\nxx\tX\tF\tLatn\tdev\t" + "\t".join("abcdefghij") + "\n", "split"),
        ("\t".join(COLUMNS) + "\nxx\tX\tF\tLatn\ttest\t" + "\t".join("aacdefghij") + "\n", "ten"),
    ],
)
def test_a_malformed_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "words.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_words(path)
