from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sdml import __version__
from sdml.cli.main import main, parser
from sdml.errors import Interrupted, StoreUnavailableError, UserError
from tests.cli.conftest import Run
from tests.steps import tiny

COMMANDS = [
    "init", "prepare", "prior", "train", "sweep", "evaluate", "compare", "promote", "list", "gc",
    "embed", "search", "score", "resend",
]  # fmt: skip

# Every argument of every command. Knobs belong into the experiment file, not here.
COMMON = {"--help", "--json", "--quiet"}
ALLOWED = {
    "init": {"files", "--collection", "--output"},
    "prepare": {"file", "--modality", "--new-modality", "--shard", "--join"},
    "prior": {"action", "file", "--modality"},
    "train": {"file", "--modality", "--reuse", "--result", "--processes"},
    "sweep": {
        "file",
        "--modality",
        "--lambda",
        "--seeds",
        "--learning-rate",
        "--at-once",
        "--result",
    },
    "evaluate": {"file", "--lambda", "--sweep"},
    "compare": {"runs", "--experiment", "--pairs", "--html"},
    "promote": {"file", "--modality", "--encoder", "--version"},
    "list": {"file", "--verify"},
    "gc": {"file", "--keep", "--version", "--grace", "--checkpoints-older-than", "--dry-run"},
    "embed": {"file", "--modality", "--input", "--output"},
    "search": {
        "file",
        "--query",
        "--input",
        "--row",
        "--gallery",
        "--top",
        "--class",
        "--index",
        "--codes",
        "--similarity",
    },
    "score": {
        "--query",
        "--query-labels",
        "--gallery",
        "--gallery-labels",
        "--top-k",
        "--denominator",
        "--empty-query",
        "--relevance",
        "--similarity",
    },
    "resend": {"path"},
}


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)


def arguments_of(command: argparse.ArgumentParser) -> set[str]:
    return {max(a.option_strings, key=len, default=a.dest) for a in command._actions}


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_these_are_the_commands() -> None:
    assert list(commands()) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_these_are_all_its_arguments(name: str) -> None:
    assert arguments_of(commands()[name]) == ALLOWED[name] | COMMON


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_it_does_with_examples(run: Run, name: str) -> None:
    shown = run(name, "--help")
    assert shown.code == 0
    assert shown.err == ""
    assert f"usage: sdml {name}" in shown.out
    _, found, examples = shown.out.partition("examples:\n")
    assert found
    lines = [line.strip().rstrip("\\").split() for line in examples.strip().splitlines()]
    assert lines[0][:2] == ["sdml", name]
    flags = {word for line in lines for word in line if word.startswith("--")}
    assert flags <= arguments_of(commands()[name])


def test_every_example_can_be_parsed() -> None:
    import shlex

    for name, command in commands().items():
        assert command.epilog
        text = command.epilog.removeprefix("examples:\n").replace("\\\n", " ")
        for line in text.strip().splitlines():
            words = [w for w in shlex.split(line) if w != ">" and not w.endswith("result.json")]
            assert words[0] == "sdml"
            assert parser().parse_args(words[1:]).command == name


def test_the_version(run: Run) -> None:
    shown = run("--version")
    assert (shown.code, shown.out) == (0, f"sdml {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: COMMAND"),
        (["no-such"], "invalid choice: 'no-such'"),
        (["train", "--modality", "image"], "required: FILE.yaml"),
        (["train", "a.yaml", "--mod", "image"], "unrecognized arguments: --mod"),
        (["train", "a.yaml", "--modality", "image", "--lambda", "0.1"], "--lambda"),
        (["search", "a.yaml", "--top", "ten"], "argument --top: invalid int value: 'ten'"),
        (["score", "--denominator", "all"], "argument --denominator: invalid choice: 'all'"),
        (["evaluate", "a.yaml", "b.yaml"], "unrecognized arguments: b.yaml"),
    ],
)
def test_a_mistake_in_the_arguments_is_one_line(run: Run, arguments: list[str], said: str) -> None:
    shown = run(*arguments)
    assert (shown.code, shown.out) == (2, "")
    (line,) = shown.err.splitlines()
    assert line.startswith("sdml: error: ")
    assert said in line
    assert line.endswith("--help'")


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``sdml list`` meet an error of that kind."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("sdml.cli.inventory.open_experiment", fail)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("a\n  b"), 2, "sdml: error: a b"),
        (StoreUnavailableError("gone"), 1, "sdml: error: gone"),
        (Interrupted("told to"), 143, "sdml: error: told to"),
        (KeyboardInterrupt(), 130, "sdml: error: interrupted"),
        (MemoryError("12 GiB"), 1, "sdml: error: not enough memory: 12 GiB"),
    ],
)
def test_exit_codes(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str
) -> None:
    failing(error, monkeypatch)
    shown = run("list", "a.yaml")
    assert (shown.code, shown.out, shown.err) == (code, "", f"{line}\n")


def test_sigterm_ends_every_command_where_it_stands(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception as error:  # as code of others may do
            raise AssertionError from error
        raise AssertionError

    monkeypatch.setattr("sdml.cli.inventory.open_experiment", told)
    before = signal.getsignal(signal.SIGTERM)
    shown = run("list", "a.yaml")
    assert (shown.code, shown.out) == (143, "")
    (line,) = shown.err.splitlines()
    assert line.startswith("sdml: error: ended by SIGTERM")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_defect_shows_its_traceback_and_asks_for_a_report(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(ZeroDivisionError("x"), monkeypatch)
    shown = run("list", "a.yaml")
    assert shown.code == 1
    assert "Traceback" in shown.err
    assert shown.err.splitlines()[-1].startswith("sdml: error: this is a defect")


HEAVY = ("torch", "numpy", "boto3", "botocore", "mlflow", "kfp", "pyarrow", "scipy", "h5py",
         "pydantic", "matplotlib", "sklearn")  # fmt: skip

HELP = f"""
import contextlib, io, sys
from sdml.cli.main import main
for arguments in (["--help"], ["--version"], [], *([name, "--help"] for name in {COMMANDS!r})):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        with contextlib.suppress(SystemExit):
            main(arguments)
print(sorted(set(sys.modules) & set({HEAVY!r})))
"""


def test_help_imports_nothing_heavy() -> None:
    done = python("-c", HELP)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, sdml; print(sorted(set(sys.modules) & set({(*HEAVY, 'rich')!r})))"
    assert python("-c", code).stdout == "[]\n"


def test_as_a_module_and_as_a_command_it_is_the_same() -> None:
    by_module = python("-m", "sdml", "--version")
    command = Path(sys.executable).with_name("sdml")
    by_command = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60)
    assert by_module.stdout == by_command.stdout == f"sdml {__version__}\n"
    wrong = python("-m", "sdml", "list", "none.yaml")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("sdml: error: none.yaml")


def score_arguments(folder: Path) -> list[str]:
    np.save(folder / "codes.npy", np.eye(4))
    np.save(folder / "labels.npy", np.arange(4))
    codes, labels = str(folder / "codes.npy"), str(folder / "labels.npy")
    return ["score", "--query", codes, "--query-labels", labels, "--gallery", codes,
            "--gallery-labels", labels]  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_output_that_takes_nothing_is_an_error(tmp_path: Path, flags: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sdml", *score_arguments(tmp_path), *flags],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("sdml: error: standard output must take the result")
    assert "space" in line


def test_a_reader_that_has_left_is_no_noise(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sdml", *score_arguments(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=120) == 1


def test_names_that_a_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "файл\udcff"
    folder.mkdir()
    tiny.write_sources(folder, "image")
    file = tiny.write_experiment(folder, "image")
    for flags in ([], ["--json"]):
        done = python("-m", "sdml", "prepare", str(file), *flags, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert "\\u0444\\u0430" in done.stdout


def test_the_variables_of_torch_are_set_unless_the_user_has(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert main(["list", "none.yaml"]) == 2
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"
    assert os.environ["GOMP_SPINCOUNT"] == "7"
