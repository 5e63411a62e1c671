"""`foreshock catalogue`, as its users meet it."""

import json
from pathlib import Path

import pytest
import yaml

import foreshock
from config.catalogue import SHIPPED, load_catalogue

Capture = pytest.CaptureFixture[str]
MINE = """
canonical:
  orders: {unit: count, statistic: sum, bad: down, weight: 1.25, min_change: 5}
services:
  app.shop:
    metrics:
      shop_orders_total: {metric: orders, across: [region]}
clouds:
  app:
    services:
      app.shop: {metrics: {latency: {weight: 2.5}}}
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(capsys: Capture, *args: str) -> str:
    assert foreshock.main(["catalogue", *args]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def rows(text: str) -> dict[str, str]:
    """Return a card's rows: its first column is a name, its cells stand apart by two spaces."""
    cells = [[c for c in line.split("  ") if c] for line in text.splitlines()]
    return {c[0]: " | ".join(cell.strip() for cell in c[1:]) for c in cells if len(c) > 1}


def test_a_known_metric_is_explained_with_the_file_of_each_part(capsys: Capture) -> None:
    card = rows(told(capsys, "explain", "node_cpu_seconds_total", "--label", "mode=idle"))
    assert card["metric"] == "node_cpu_seconds_total|mode=idle | config/prometheus.yaml"
    assert card["service"] == "host"
    assert card["becomes"] == "cpu.utilization | config/prometheus.yaml"
    assert card["value"] == "100 - value * 100, in percent | config/prometheus.yaml"
    assert card["if a counter"] == "its increase a second, then converted"
    assert card["statistic"] == "mean | default"
    assert card["hurts"] == "by rising | config/catalogue.yaml"
    assert card["weight"] == "1 | config/catalogue.yaml"
    assert card["never above"] == "100 | config/catalogue.yaml"
    assert card["smallest change"] == "2 percent | config/catalogue.yaml"
    assert card["one series across"] == "cpu | config/prometheus.yaml"


def test_labels_choose_the_entry_and_show_the_series(capsys: Capture) -> None:
    shown = told(
        capsys, "explain", "http_requests_total", "--service", "app.shop",
        "--label", "code=503", "--label", "method=GET", "--label", "handler=/pay",
    )  # fmt: skip
    card = rows(shown)
    assert card["becomes"].startswith("error.count")
    assert card["if a counter"] == "its increase a tick"
    assert card["chosen by"] == "code=503"
    assert card["series"] == "error.count{handler=/pay}"
    assert card["a part of it"] == "code=503, method=GET"


def test_every_service_that_knows_a_name_is_shown_and_names_read_alike_share_a_card(
    capsys: Capture,
) -> None:
    shown = told(capsys, "explain", "CPUUtilization")
    assert [rows(c)["service"] for c in shown.split("\n\n")] == ["aws.ec2", "aws.rds"]
    shown = told(capsys, "explain", "system.cpu.time")
    assert "or                 system.cpu.time|state=idle " in shown
    assert shown.count("cpu.utilization") == 1


def test_a_service_may_be_named_as_its_vendor_does(capsys: Capture) -> None:
    shown = told(capsys, "explain", "Latency", "--service", "AWS/ELB")
    assert rows(shown)["value"] == "value * 1000, in ms | config/catalogue.yaml"
    assert "aws.ec2" in told(capsys, "list", "--service", "cwagent")


def test_a_canonical_name_is_shown_with_what_becomes_it(capsys: Capture) -> None:
    shown = told(capsys, "explain", "gc.time")
    assert shown.startswith("gc.time is a canonical name.\n")
    assert "\n  app  jvm.gc.duration.sum\n" in shown


@pytest.mark.parametrize(
    ("metric", "service"),
    [
        ("node_cpu_second_total", "host"),
        ("redis_evicted_key_total", "app.cache"),
        ("nothing like it: \u00e4\u20ac", "app.shop"),
        ("on", "app.shop"),
    ],
)
def test_the_yaml_for_an_unknown_metric_maps_it(
    metric: str, service: str, capsys: Capture, tmp_path: Path
) -> None:
    explained = json.loads(told(capsys, "explain", metric, "--service", service, "--json"))
    assert not explained["known"]
    (tmp_path / "mine.yaml").write_text(explained["yaml"], encoding="utf-8")
    table = load_catalogue(*SHIPPED, tmp_path / "mine.yaml")
    (name,) = yaml.safe_load(explained["yaml"])["services"][service]["metrics"]
    assert name.partition("|")[0] == metric
    expected = explained["nearest"][0][2] if explained["nearest"] else "my.metric"
    assert table.lookup(service, name).metric == expected


def test_an_unknown_metric_is_shown_with_what_it_is_treated_as(capsys: Capture) -> None:
    shown = told(capsys, "explain", "node_cpu_second_total")
    assert shown.startswith("node_cpu_second_total is not in the catalogue")
    card = rows(shown)
    assert card["statistic"] == "sum | config/catalogue.yaml"
    assert card["hurts"] == "never: context only | config/prometheus.yaml"
    assert card["weight"] == "0.1 | config/prometheus.yaml"
    assert "by            endings._total\nby            beginnings.node_\n" in shown
    assert card["node_cpu_seconds_total|mode=idle"] == "host | cpu.utilization"
    assert "  # as node_cpu_seconds_total|mode=idle is read\n  services:\n    host:" in shown


def test_a_users_files_count_and_are_named(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "settings.yaml").write_text("sources: [{type: simulator}]\ncatalogue: [mine.yaml]")
    settings = ("-c", "settings.yaml")
    card = rows(told(capsys, "explain", "shop_orders_total", *settings))
    assert card["becomes"] == "orders | mine.yaml"
    assert card["hurts"] == "by falling | mine.yaml"
    assert card["weight"] == "1.25 | mine.yaml"
    assert card["one series across"] == "region | mine.yaml"
    asked = ("explain", "http_request_duration_seconds", "--service", "app.shop")
    card = rows(told(capsys, *asked, *settings))
    assert card["weight"] == "2.5 | mine.yaml"
    assert card["smallest change"] == "10 ms | config/catalogue.yaml"
    assert rows(told(capsys, *asked))["weight"] == "1.5 | config/catalogue.yaml"
    assert "orders  " in told(capsys, "list", "--service", "app.shop", *settings)


def test_json_says_the_same(capsys: Capture) -> None:
    explained = json.loads(told(capsys, "explain", "mem.used_percent", "--json"))
    (entry,) = explained["entries"]
    assert (explained["known"], entry["service"]) == (True, "host")
    assert entry["spec"]["metric"] == "memory.utilization"
    assert entry["files"]["metric"] == "config/telegraf.yaml"


def test_what_is_mapped_is_listed(capsys: Capture) -> None:
    shown = told(capsys, "list", "--service", "app.nginx")
    assert "app.nginx  nginx.requests " in shown
    assert "app        http.server.request.duration " in shown  # of its family
    lines = told(capsys, "list", "--json").splitlines()
    assert len(lines) == sum(len(each) for each in load_catalogue().readings.values())
    assert json.loads(lines[0]) | {"service": "aws.ec2", "metric": "cpu.utilization"} == json.loads(
        lines[0]
    )
    assert told(capsys, "list", "--service", "aws.nothing") == "nothing is mapped of aws.nothing\n"


@pytest.mark.parametrize("label", ["code", "=503", ""])
def test_a_label_without_name_or_value_is_refused(label: str, capsys: Capture) -> None:
    assert foreshock.main(["catalogue", "explain", "up", "--label", label]) == 2
    assert "--label must be NAME=VALUE" in capsys.readouterr().err


def test_output_for_a_terminal_cannot_be_steered_by_a_name(capsys: Capture) -> None:
    assert "\x1b" not in told(capsys, "explain", "evil\x1b[31m")
