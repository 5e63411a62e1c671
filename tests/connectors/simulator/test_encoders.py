"""Wire forms, read back by the decoders and the catalogue that are shipped."""

import json
from collections import defaultdict

import numpy as np
import pytest

from config.catalogue import load_catalogue
from connectors.formats.registry import create_decoder
from connectors.simulator.encoders import Encoder
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.panel import MISSING
from connectors.simulator.plan import make_plan
from connectors.simulator.settings import FORMATS, SimulatorSource
from connectors.simulator.tape import Tape
from connectors.simulator.vendors import KINDS
from schema import SeriesTable

HOUR = SimulatorSource(days=1 / 24, resources=48)


@pytest.mark.parametrize("format_name", [None, "foreshock-json"])
@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_every_point_is_decoded_under_its_name_without_a_reject(
    cloud: str, format_name: str | None
) -> None:
    origin = SimulatorOrigin(SimulatorSource(days=1 / 24, format=format_name))
    decode = create_decoder(origin.settings.format_of(cloud), load_catalogue())
    table = SeriesTable()
    chunk = origin.open(cloud, None).read()
    assert chunk is not None
    decoded = decode(chunk.payloads, table)
    assert decoded.rejects == []
    tape = Tape(origin.plan, cloud)
    block = tape.block(0)
    assert len(decoded.batch.ts_ms) == (block.delay != MISSING).sum()
    nodes = [origin.plan.fleet.nodes[i] for i in origin.plan.fleet.of_cloud(cloud)]
    met = {series.resource.name: series.resource for series in table.series}
    assert met.keys() == {node.name for node in nodes}
    for node in nodes:
        resource = met[node.name]
        assert (resource.cloud, resource.service) == (node.cloud, node.vendor.service)
        assert resource.account == node.account
        if cloud != "azure" or format_name:  # diagnostic settings name no region
            assert resource.region == node.region
    assert len(table.series) == len(tape.panel.rows)


def test_a_series_is_decoded_to_the_values_that_were_drawn() -> None:
    origin = SimulatorOrigin(HOUR)
    catalogue = load_catalogue()
    for cloud, title, metric, canonical in (
        ("aws", "checkout-web-1", "CPUUtilization", "cpu.utilization"),
        ("aws", "checkout-lb", "HTTPCode_Target_5XX_Count", "error.count"),
        ("azure", "catalog-app-1", "Network In Total", "network.io"),
        (
            "gcp",
            "payments-lb",
            "loadbalancing.googleapis.com/https/backend_latencies",
            "latency",
        ),
        (
            "gcp",
            "payments-db",
            "cloudsql.googleapis.com/database/network/connections",
            "connections",
        ),
    ):
        tape = Tape(origin.plan, cloud)
        node = origin.plan.fleet.find(title)
        row = next(
            r
            for r, one in enumerate(tape.panel.rows)
            if one.node == node and one.metric.name == metric
        )
        block = tape.block(0)
        there = block.delay[row] != MISSING
        table = SeriesTable()
        chunk = origin.open(cloud, None).read()
        assert chunk is not None
        batch = create_decoder(origin.settings.format_of(cloud), catalogue)(
            chunk.payloads, table
        ).batch
        name = origin.plan.fleet.nodes[tape.panel.rows[row].node].name
        series = next(
            i
            for i, one in enumerate(table.series)
            if one.resource.name == name
            and one.metric == canonical
            and ("direction", "out") not in one.labels
        )
        order = np.argsort(batch.ts_ms[batch.series == series])
        values = batch.value[batch.series == series][order]
        assert values == pytest.approx(block.values[row, there], rel=1e-9)


def test_the_catalogue_knows_every_metric_that_is_sent() -> None:
    catalogue = load_catalogue()
    unknown: dict[str, list[str]] = defaultdict(list)
    for kind in KINDS.values():
        assert catalogue.service(kind.cloud, kind.vendor) == kind.service
        for metric in kind.metrics:
            if catalogue.lookup(kind.service, metric.name).metric == metric.name:
                unknown[kind.service].append(metric.name)
    assert unknown == {}


@pytest.mark.parametrize("format_name", FORMATS)
def test_each_number_is_json_and_round_trips(format_name: str) -> None:
    plan = make_plan(HOUR)
    tape = Tape(plan, "gcp")
    rows = np.arange(len(tape.panel.rows))
    encoder = Encoder(format_name, plan.fleet, tape.panel.rows, 60)
    values = tape.block(0).values[:, 3]
    texts = encoder.points(rows, np.full(len(rows), plan.settings.ms(3)), values)
    for text in texts:
        assert isinstance(json.loads(text), dict)
    assert json.loads(encoder.payload(texts[:1]))


def test_a_count_of_gcp_is_an_integer_in_a_string() -> None:
    origin = SimulatorOrigin(HOUR)
    chunk = origin.open("gcp", None).read()
    assert chunk is not None
    for payload in chunk.payloads[:5]:
        for series in json.loads(payload)["timeSeries"]:
            value = series["points"][0]["value"]
            if series["valueType"] == "INT64":
                assert value["int64Value"].isdigit()
            else:
                assert "int64Value" not in value


def test_a_payload_holds_no_more_points_than_asked_for_and_only_one_minutes() -> None:
    origin = SimulatorOrigin(SimulatorSource(days=1 / 24, points_per_payload=7))
    chunk = origin.open("azure", None).read()
    assert chunk is not None
    sizes = [len(json.loads(payload)["records"]) for payload in chunk.payloads]
    assert max(sizes) == 7
    one = SimulatorOrigin(SimulatorSource(days=1 / 24, points_per_payload=1))
    single = one.open("azure", None).read()
    assert single is not None
    assert {len(json.loads(payload)["records"]) for payload in single.payloads} == {1}
