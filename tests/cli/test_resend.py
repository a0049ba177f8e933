from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_path_without_events_is_refused(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    for path, said in (
        (tmp_path / "none.jsonl", "none.jsonl"),
        (tmp_path, "must hold unsent tracking events"),
    ):
        refused = run("resend", path)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.startswith("sdml: error: ")
        assert said in refused.err


@pytest.mark.slow
@pytest.mark.server
def test_what_was_kept_is_sent_and_counted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training while the server is down, then the server, then the command."""
    pytest.importorskip("mlflow")
    from tests.servers.mlflow import MlflowServer
    from tests.steps import tiny

    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    server = MlflowServer(tmp_path)
    tiny.write_sources(tmp_path, "image")
    file = tiny.write_experiment(tmp_path, "image", tracking=server.uri)
    assert run("prepare", file).code == 0
    trained = run("train", file, "--modality", "image", "--json")
    assert trained.code == 0
    assert trained.json["epochs"] == 3
    assert "does not answer" in trained.err
    assert "sdml resend" in trained.err
    server.start()
    try:
        sent = run("resend", tmp_path / "state" / "sdml" / "unsent", "--json")
    finally:
        server.kill()
    assert sent.code == 0, sent.err
    assert sent.json.keys() == {"sent"}
    assert sent.json["sent"] > 5
    assert list((tmp_path / "state" / "sdml" / "unsent").glob("*.jsonl")) == []
