"""`foreshock recovery`, as it is used."""

import json
from pathlib import Path

import pytest

import foreshock


def test_a_store_is_made_shown_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = "sources: [{type: simulator}]\nrecovery: {dir: store, partitions: 2}\n"
    Path("mine.yaml").write_text(settings)
    assert foreshock.main(["recovery", "init", "-c", "mine.yaml"]) == 0
    assert foreshock.main(["recovery", "inspect", "store"]) == 0
    said = capsys.readouterr().out
    assert "store: ready for mine.yaml" in said
    assert "ingest.groups 16" in said
    assert foreshock.main(["recovery", "inspect", "store", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["partitions"] == 2
    assert foreshock.main(["recovery", "verify", "store"]) == 0
    assert "0 snapshots read, nothing is damaged" in capsys.readouterr().out
    Path("mine.yaml").write_text(settings + "ingest: {tick_s: 300}\n")
    assert foreshock.main(["recovery", "init", "-c", "mine.yaml"]) == 1
    assert "was made with ingest.tick_s 60, the settings say 300" in capsys.readouterr().err
    Path("store/part-1.sqlite3").unlink()
    assert foreshock.main(["recovery", "verify", "store"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "part-1.sqlite3: is missing, the store has 2 files\n"
    assert "damaged or missing: 1, snapshots read: 0" in shown.err
    assert foreshock.main(["recovery", "verify", "store", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["damages"][0]["in_use"] is True
    assert foreshock.main(["recovery", "inspect", "elsewhere"]) == 1
    assert "elsewhere: no recovery store" in capsys.readouterr().err
