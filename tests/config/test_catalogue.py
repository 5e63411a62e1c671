from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalogue import SHIPPED, CatalogueTable, load_catalogue
from config.loader import ConfigError
from schema import Catalogue, MetricSpec

BAD = sorted((Path(__file__).parent / "bad_catalogue").glob("*.yaml"))
SHIPPED_TABLE = load_catalogue()
OUR_SERVICES = (
    "aws.ec2", "aws.lambda", "aws.rds", "aws.elb", "azure.aks", "azure.vm", "azure.app_service",
    "gcp.gke", "gcp.gce", "gcp.cloudsql",
)  # fmt: skip


def layer(folder: Path, text: str) -> Path:
    path = folder / "layer.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", BAD, ids=[path.stem for path in BAD])
def test_a_bad_file_is_refused_with_file_and_key(path: Path) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# expect: ")
    with pytest.raises(ConfigError) as caught:
        load_catalogue(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_there_are_bad_files() -> None:
    assert len(BAD) >= 15


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_catalogue(tmp_path / "none.yaml")


def test_the_table_is_a_catalogue() -> None:
    catalogue: Catalogue = SHIPPED_TABLE
    assert isinstance(catalogue, CatalogueTable)


@pytest.mark.parametrize("service", OUR_SERVICES)
def test_every_promised_service_has_metrics_names_and_a_tier(service: str) -> None:
    assert len(SHIPPED_TABLE.readings[service]) >= 9
    assert SHIPPED_TABLE.tier(service) in {1, 2, 3}


@pytest.mark.parametrize(
    ("cloud", "vendor", "ours"),
    [
        ("aws", "AWS/EC2", "aws.ec2"),
        ("aws", "aws/ec2", "aws.ec2"),
        ("aws", "AWS/ELB", "aws.elb"),
        ("aws", "AWS/ApplicationELB", "aws.elb"),
        ("azure", "Microsoft.Compute/virtualMachines", "azure.vm"),
        ("azure", "microsoft.web/sites/slots", "azure.app_service"),
        ("gcp", "gce_instance", "gcp.gce"),
        ("gcp", "k8s_container", "gcp.gke"),
        ("aws", "aws.ec2", "aws.ec2"),
        ("aws", "AWS/XRay", "aws.xray"),
        ("aws", "Shop/Orders API", "aws.shop_orders_api"),
        ("azure", "microsoft.keyvault/vaults", "azure.keyvault_vaults"),
        ("gcp", "pubsub_topic", "gcp.pubsub_topic"),
        ("gcp", "AWS/EC2", "gcp.aws_ec2"),
        ("azure", "", "azure"),
        ("", "", ""),
    ],
)
def test_services_are_known_or_made_up_by_rule(cloud: str, vendor: str, ours: str) -> None:
    assert SHIPPED_TABLE.service(cloud, vendor) == ours
    assert SHIPPED_TABLE.service(cloud, vendor) == ours  # from the cache


@pytest.mark.parametrize(
    ("service", "metric", "canonical", "sent", "meant"),
    [
        ("aws.rds", "ReadLatency", "query.latency", 0.004, 4.0),
        ("aws.elb", "TargetResponseTime", "latency", 0.12, 120.0),
        ("aws.elb", "Latency", "latency", 0.12, 120.0),
        ("aws.lambda", "Duration", "latency", 120.0, 120.0),
        ("azure.app_service", "HttpResponseTime", "latency", 0.2, 200.0),
        ("azure.vm", "Available Memory Percentage", "memory.utilization", 30.0, 70.0),
        ("gcp.gce", "compute.googleapis.com/instance/cpu/utilization", "cpu.utilization", 0.5, 50),
        ("gcp.cloudsql", "cloudsql.googleapis.com/database/disk/utilization", "disk.utilization",
         0.9, 90.0),
    ],
)  # fmt: skip
def test_vendors_values_become_canonical_ones(
    service: str, metric: str, canonical: str, sent: float, meant: float
) -> None:
    spec = SHIPPED_TABLE.lookup(service, metric)
    assert spec.metric == canonical
    assert sent * spec.scale + spec.offset == pytest.approx(meant, rel=1e-12)


@pytest.mark.parametrize("service", SHIPPED_TABLE.readings)
def test_a_metric_means_the_same_by_either_name(service: str) -> None:
    meaning = ("metric", "unit", "bad", "weight", "load", "lower", "upper", "min_change")
    for name in SHIPPED_TABLE.readings_of(service):
        vendor = SHIPPED_TABLE.lookup(service, name)
        ours = SHIPPED_TABLE.lookup(service, vendor.metric)
        assert [getattr(vendor, f) for f in meaning] == [getattr(ours, f) for f in meaning], name
        assert (ours.scale, ours.offset, ours.labels) == (1.0, 0.0, ()), name
        assert vendor.statistic == ours.statistic, name


def test_traffic_hurts_only_by_falling_and_weighs_little() -> None:
    for name in ("request.rate", "invocations", "connections", "network.io", "query.rate"):
        spec = SHIPPED_TABLE.lookup("", name)
        assert (spec.bad, spec.weight < 1) == ("down", True), name


def test_what_drives_the_others_is_marked() -> None:
    load = [name for name, meaning in SHIPPED_TABLE.canonical.items() if meaning.load is True]
    assert load == [
        "request.rate",
        "query.rate",
        "messages",
        "invocations",
        "connections",
        "network.io",
        "network.throughput",
    ]


def test_every_canonical_metric_is_complete() -> None:
    for name, meaning in SHIPPED_TABLE.canonical.items():
        given = meaning.present()
        assert {"unit", "bad", "weight", "lower", "min_change"} <= set(given), name
        assert given["min_change"] > 0, name


def test_an_unknown_metric_has_a_default_entry() -> None:
    assert SHIPPED_TABLE.lookup("aws.ec2", "Made Up") == MetricSpec("Made Up")
    assert SHIPPED_TABLE.lookup("aws.made_up", "Made Up") == MetricSpec("Made Up")
    assert SHIPPED_TABLE.lookup("aws.ec2", "") == MetricSpec("")


def test_a_canonical_name_is_found_in_an_unknown_service() -> None:
    spec = SHIPPED_TABLE.lookup("aws.xray", "latency")
    assert (spec.unit, spec.bad, spec.weight) == ("ms", "up", 1.5)


def test_a_vendors_name_is_found_in_another_case() -> None:
    assert SHIPPED_TABLE.lookup("azure.vm", "percentage cpu").metric == "cpu.utilization"


FAMILY = """
canonical:
  latency: {unit: ms, bad: up}
  error.count: {statistic: sum, bad: up}
  request.rate: {statistic: sum, bad: down}
  cpu.utilization: {unit: percent}
endings:
  _total: {statistic: sum, weight: 0.5}
  _seconds_total: {weight: 0.25}
services:
  app:
    metrics:
      cpu: {metric: cpu.utilization, scale: -100, offset: 100, across: [cpu, mode]}
      requests: {metric: request.rate}
      requests|code=5xx: {metric: error.count}
      requests|code=404: {metric: error.count}
      faults: {metric: error.count, instead_of: requests|code=5xx}
  app.shop:
    metrics:
      requests: {metric: latency}
"""


def test_labels_that_make_no_series_come_with_the_entry(tmp_path: Path) -> None:
    spec = load_catalogue(layer(tmp_path, FAMILY)).lookup("app", "cpu")
    assert (spec.across, spec.scale, spec.offset) == (("cpu", "mode"), -100.0, 100.0)


def test_a_service_without_an_entry_takes_that_of_its_family(tmp_path: Path) -> None:
    table = load_catalogue(layer(tmp_path, FAMILY))
    assert table.lookup("app.other", "cpu").metric == "cpu.utilization"
    assert table.lookup("app.other", "requests").metric == "request.rate"
    assert table.lookup("app.shop", "requests").metric == "latency"  # its own
    assert table.lookup("app.shop", "cpu").metric == "cpu.utilization"
    assert table.lookup("apple.shop", "cpu").metric == "cpu"
    assert table.lookup("app.other", "CPU").metric == "cpu.utilization"


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("requests|code=500", "error.count"),
        ("requests|code=503", "error.count"),
        ("requests|code=5xx", "error.count"),
        ("requests|code=404", "error.count"),
        ("requests|code=403", "requests|code=403"),
        ("requests|code=50", "requests|code=50"),
        ("requests|code=5000", "requests|code=5000"),
        ("requests|version=500", "requests|version=500"),
    ],
)
def test_a_class_of_status_stands_for_its_codes(tmp_path: Path, name: str, metric: str) -> None:
    table = load_catalogue(layer(tmp_path, FAMILY))
    assert table.lookup("app", name).metric == metric
    assert table.lookup("app.other", name).metric == metric


def test_any_value_of_a_label_may_choose_after_the_exact_and_the_class(tmp_path: Path) -> None:
    mine = layer(
        tmp_path,
        """
canonical: {error.count: {}, client_error.count: {}, throttles: {}}
services:
  app:
    metrics:
      calls|error=*: {metric: error.count}
      calls|error=4xx: {metric: client_error.count}
      calls|error=busy: {metric: throttles}
""",
    )
    table = load_catalogue(mine)
    found = {
        v: table.lookup("app.x", f"calls|error={v}").metric for v in ("404", "busy", "500", "")
    }
    assert found == {
        "404": "client_error.count",
        "busy": "throttles",
        "500": "error.count",
        "": "error.count",
    }
    assert table.lookup("app.x", "calls|other=1") == MetricSpec("calls|other=1")


def test_a_beginning_goes_over_an_ending_key_by_key(tmp_path: Path) -> None:
    mine = layer(
        tmp_path,
        "endings: {_total: {statistic: sum, weight: 0.5}}\n"
        "beginnings: {go_: {bad: none, weight: 0.1}, go_gc_: {weight: 0.2}}\n",
    )
    table = load_catalogue(mine)
    assert table.lookup("", "go_x_total") == MetricSpec(
        "go_x_total", statistic="sum", bad="none", weight=0.1
    )
    assert table.lookup("", "go_gc_x") == MetricSpec("go_gc_x", weight=0.2)  # the longest alone


def test_a_service_may_name_another_family(tmp_path: Path) -> None:
    mine = layer(tmp_path, FAMILY + "  box: {family: app}\n")
    table = load_catalogue(mine)
    assert table.lookup("box", "cpu").metric == "cpu.utilization"
    assert table.lookup("box.other", "cpu").metric == "cpu"


def test_an_exact_status_goes_before_its_class(tmp_path: Path) -> None:
    mine = layer(
        tmp_path,
        """
canonical: {error.count: {}, throttles: {}}
services:
  app:
    metrics:
      requests|code=5xx: {metric: error.count}
  app.shop:
    metrics:
      requests|code=503: {metric: throttles}
""",
    )
    table = load_catalogue(mine)
    assert table.lookup("app.shop", "requests|code=503").metric == "throttles"
    assert table.lookup("app.shop", "requests|code=500").metric == "error.count"


def test_an_unknown_name_is_taken_by_its_longest_ending(tmp_path: Path) -> None:
    table = load_catalogue(layer(tmp_path, FAMILY))
    assert table.lookup("app", "a_total") == MetricSpec("a_total", statistic="sum", weight=0.5)
    assert table.lookup("x", "a_seconds_total") == MetricSpec("a_seconds_total", weight=0.25)
    assert table.lookup("app", "a_totals") == MetricSpec("a_totals")


@pytest.mark.parametrize(
    ("name", "statistic", "bad", "weight"),
    [
        ("orders_total", "sum", "both", 0.5),
        ("checkout.duration.count", "mean", "both", 0.5),
        ("orders.pool.count", "mean", "both", 0.5),
        ("checkout.duration.sum", "sum", "none", 0.1),
        ("checkout.duration.max", "max", "none", 0.1),
        ("checkout.duration.min", "min", "none", 0.1),
        ("build_info", "mean", "none", 0.1),
        ("last_backup_timestamp_seconds", "mean", "none", 0.1),
        ("discount", "mean", "both", 1.0),
    ],
)
def test_shipped_endings(name: str, statistic: str, bad: str, weight: float) -> None:
    spec = SHIPPED_TABLE.lookup("app.shop", name)
    assert (spec.metric, spec.statistic, spec.bad, spec.weight) == (name, statistic, bad, weight)


def test_layers_go_over_each_other_key_by_key(tmp_path: Path) -> None:
    mine = layer(
        tmp_path,
        """
canonical:
  latency: {min_change: 99}
  orders.rate: {unit: 1/s, bad: down}
services:
  aws.shop:
    names: [Shop/Api]
    metrics:
      Orders: {metric: orders.rate, scale: 0.5}
  aws.ec2:
    metrics:
      CPUUtilization: {metric: cpu.utilization, statistic: max}
clouds:
  aws:
    defaults: {metrics: {cpu.utilization: {weight: 1.25, min_change: 3}}}
    services:
      aws.ec2: {tier: 2, metrics: {cpu.utilization: {weight: 1.5, upper: 400}}}
""",
    )
    table = load_catalogue(*SHIPPED, mine)
    assert table.lookup("aws.rds", "latency").min_change == 99
    assert table.lookup("aws.lambda", "latency").min_change == 50  # the service's own
    cpu = table.lookup("aws.ec2", "CPUUtilization")
    assert (cpu.weight, cpu.upper, cpu.min_change, cpu.statistic) == (1.5, 400.0, 3.0, "max")
    assert table.lookup("aws.rds", "cpu.utilization").weight == 1.25
    assert table.lookup("gcp.gce", "cpu.utilization").weight == 1.0
    assert table.service("aws", "Shop/API") == "aws.shop"
    assert table.lookup("aws.shop", "Orders").scale == 0.5
    assert (table.tier("aws.ec2"), table.tier("aws.rds"), table.tier("aws.new")) == (2, 1, 3)
    assert table.tier("other.new") is None


def test_a_null_limit_removes_the_limit_below(tmp_path: Path) -> None:
    mine = layer(tmp_path, "canonical: {cpu.utilization: {upper: null}}")
    assert load_catalogue(*SHIPPED, mine).lookup("aws.ec2", "cpu.utilization").upper is None


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=40))
def test_any_name_has_an_entry_and_the_same_one_each_time(names: list[tuple[str, str]]) -> None:
    for service, metric in names + names:
        assert SHIPPED_TABLE.lookup(service, metric) == SHIPPED_TABLE.lookup(service, metric)
        assert SHIPPED_TABLE.service(service, metric).startswith(service)


def test_caches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.catalogue.MAX_CACHED", 5)
    monkeypatch.setattr("config.service_names.MAX_CACHED", 5)
    table = load_catalogue()
    for i in range(50):
        table.lookup("aws.ec2", f"m{i}")
        table.service("aws", f"s{i}")
        assert len(vars(table)["_specs"]) <= 5
        assert len(vars(table.names)["_found"]) <= 5
    assert table.lookup("aws.ec2", "CPUUtilization").metric == "cpu.utilization"


def test_every_canonical_name_and_service_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text()
    names = [*SHIPPED_TABLE.canonical, *SHIPPED_TABLE.readings]
    assert [name for name in names if f"`{name}`" not in text] == []
