from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.submission.credentials import TokenFile, dex_password, in_cluster
from sdml.errors import UserError


def test_a_token_is_read_anew_each_time(tmp_path: Path) -> None:
    token = TokenFile(tmp_path / "token")
    for content in ("one", "two\n"):
        (tmp_path / "token").write_text(content)
        assert token.headers() == {"authorization": f"Bearer {content.strip()}"}


def test_in_a_cluster_the_token_is_where_kfp_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "projected").write_text("t")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "projected"))
    assert in_cluster().headers() == {"authorization": "Bearer t"}
    monkeypatch.delenv("KF_PIPELINES_SA_TOKEN_PATH")
    with pytest.raises(UserError, match="/var/run/secrets/kubeflow/pipelines/token cannot be"):
        in_cluster().headers()


def test_a_password_is_in_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SDML_DEX_PASSWORD", raising=False)
    with pytest.raises(UserError, match="--dex-password-file, or set SDML_DEX_PASSWORD"):
        dex_password(None)
    monkeypatch.setenv("SDML_DEX_PASSWORD", "from variable")
    assert dex_password(None) == "from variable"
    (tmp_path / "password").write_text("correct hörse\n")
    assert dex_password(tmp_path / "password") == "correct hörse"
