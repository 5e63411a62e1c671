"""`foreshock score` as its users meet it."""

import csv
from pathlib import Path

import numpy as np
import pytest

import foreshock
from config.catalogue import load_catalogue
from operators.detect_settings import DetectSettings
from operators.series import judge_series

HEADER = "timestamp,value,anomaly_score,confidence,is_anomaly,expected,lower,upper"
ROWS = 400


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def noise(seed: int) -> list[float]:
    value = np.random.default_rng(seed).normal(10.0, 1.0, ROWS)
    value[350:370] += 20.0
    return [round(float(each), 3) for each in value]


def write(path: str, seed: int = 1, header: str = "timestamp,value", start_s: int = 0) -> None:
    """Write a series with a jump in its second day, at an epoch of seconds."""
    lines = [header, *(f"{start_s + 300 * i},{value}" for i, value in enumerate(noise(seed)))]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n".join(lines) + "\n")


def scored(*args: str, code: int = 0) -> None:
    assert foreshock.main(["score", *args, "--processes", "1"]) == code


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_file_gives_its_rows_at_the_same_relative_path(
    capfd: pytest.CaptureFixture[str],
) -> None:
    write("in/a.csv", 1)
    write("in/deep/er/b.CSV", 2)
    Path("in/notes.md").write_text("# Notes\n")
    Path("in/deep/c.csv").write_text("a,b\n1,2\n")
    Path("in/gone.csv").symlink_to("nowhere.csv")
    scored("in", "--format", "csv", "--out", "out")
    written = sorted(str(file) for file in Path("out").rglob("*") if file.is_file())
    assert written == ["out/a.csv", "out/deep/er/b.CSV"]
    assert Path("out/a.csv").read_text().splitlines()[0] == HEADER
    found = rows_of("out/a.csv")
    assert [row["timestamp"] for row in found] == [str(300 * i) for i in range(ROWS)]
    assert [row["value"] for row in found] == [str(value) for value in noise(1)]
    said = capfd.readouterr()
    assert "in/notes.md: skipped, not a .csv file\n" in said.err
    assert "in/gone.csv: skipped, not a .csv file\n" in said.err
    assert "in/deep/c.csv: skipped, no column 'timestamp', there are 'a, b'\n" in said.err
    assert "files   2 scored, 3 skipped\nrows    800, of which" in said.out
    assert "\nalerts  2\n" in said.out


def test_what_is_written_is_what_the_operators_say() -> None:
    write("in/a.csv")
    scored("in", "--out", "out")
    value = np.array(noise(1))
    verdicts = judge_series(
        np.arange(ROWS) * 300_000, value, DetectSettings(), load_catalogue(), 60
    )
    found = rows_of("out/a.csv")
    for name in ("anomaly_score", "confidence", "expected", "lower", "upper"):
        column = [float(row[name] or "nan") for row in found]
        assert column == pytest.approx(getattr(verdicts, name).tolist(), rel=1e-8, nan_ok=True)
    assert [row["is_anomaly"] == "1" for row in found] == verdicts.is_anomaly.tolist()
    assert found[0] == {
        **dict.fromkeys(HEADER.split(","), ""),
        "timestamp": "0",
        "value": str(noise(1)[0]),
        "is_anomaly": "0",
    }


def test_broken_rows_stay_in_their_place_without_a_score() -> None:
    write("in/a.csv")
    lines = Path("in/a.csv").read_text().splitlines()
    lines[100:100] = ["29700,", "29700,n/a", "soon,5", "29700,NaN,more"]
    Path("in/a.csv").write_text("\n".join(lines))
    scored("in", "--out", "out")
    found = rows_of("out/a.csv")
    assert len(found) == ROWS + 4
    assert [row["value"] for row in found[99:103]] == ["", "n/a", "5", "NaN"]
    assert [row["timestamp"] for row in found[99:103]] == ["29700", "29700", "soon", "29700"]
    assert {row["anomaly_score"] + row["is_anomaly"] for row in found[99:103]} == {"0"}
    write("clean/a.csv")
    scored("clean", "--out", "clean_out")
    assert found[:99] + found[103:] == rows_of("clean_out/a.csv")


def test_a_file_is_scored_alike_alone_and_among_others_in_any_number_of_processes() -> None:
    for seed in range(1, 5):
        write(f"in/{seed}.csv", seed)
    scored("in", "--out", "together")
    scored("in/3.csv", "--out", "alone")
    assert foreshock.main(["score", "in", "--out", "parallel", "--processes", "2"]) == 0
    together = Path("together/3.csv").read_bytes()
    assert Path("alone/3.csv").read_bytes() == together
    for seed in range(1, 5):
        parallel = Path(f"parallel/{seed}.csv").read_bytes()
        assert parallel == Path(f"together/{seed}.csv").read_bytes()
    assert Path("together/1.csv").read_bytes() != together


def test_a_column_that_was_taken_for_another_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    write("in/a.csv", header="time,Value")
    write("in/b.csv", header="time,Value")
    scored("in", "--out", "out")
    assert (
        "foreshock: column 'time' was taken for 'timestamp', which is not there, in 2 files\n"
        in capfd.readouterr().err
    )


def test_settings_are_taken_from_a_file() -> None:
    write("in/a.csv")
    Path("deaf.yaml").write_text(
        "sources: [{type: files, paths: [none], format: foreshock-json}]\n"
        "detect: {fusion: {threshold: 16}}\n"
    )
    scored("in", "--out", "out", "-c", "deaf.yaml")
    assert {row["is_anomaly"] for row in rows_of("out/a.csv")} == {"0"}


def test_files_without_any_score_are_said(capfd: pytest.CaptureFixture[str]) -> None:
    Path("short.csv").write_text("timestamp,value\n1,1\n2,2\n")
    scored("short.csv", "--out", "out")
    assert len(rows_of("out/short.csv")) == 2
    assert "1 files have no score, too short or not in the order of time" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["in", "--out", "in"], 2, "out must not lie in the input 'in', got 'in'"),
        (["in", "--out", "in/out"], 2, "out must not lie in the input 'in', got 'in/out'"),
        (["in/a.csv", "--out", "in"], 2, "in/a.csv would be written to "),
        (["in/a.csv", "other/a.csv", "--out", "out"], 2, "would both be written to"),
        (["none.csv", "--out", "out"], 2, "none.csv: no such file or folder"),
        (["empty", "--out", "out"], 2, "no .csv file in empty"),
        (["in", "--out", "in/a.csv"], 2, "out must not lie in the input"),
        (["other", "--out", "in/a.csv"], 2, "--out must be a folder, in/a.csv is a file"),
        (["other", "--out", "out"], 1, "no file could be scored"),
        (["in"], 2, "Missing option '--out'"),
        (["in", "--out", "out", "--format", "xml"], 2, "Invalid value for '--format'"),
        (["in", "--out", "out", "--value-column", "timestamp"], 2, "two different columns"),
        (["in", "--out", "out", "-c", "none.yaml"], 2, "none.yaml: no such file"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    args: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write("in/a.csv")
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/a.csv").write_text("a,b\n1,2\n")
    before = Path("in/a.csv").read_bytes()
    scored(*args, code=code)
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("foreshock: ")
    assert message in said.err.splitlines()[-1]
    assert Path("in/a.csv").read_bytes() == before
    assert not Path("out").exists()
