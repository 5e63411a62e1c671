"""Payloads in the exact shapes of their producers, and a way to decode them."""

import json
from typing import NamedTuple

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from config.catalogue import CatalogueTable, load_catalogue
from connectors.formats.registry import create_decoder
from connectors.formats.settings import DecodeSettings
from schema import Series, SeriesTable

CATALOGUE: CatalogueTable = load_catalogue()

CLOUDWATCH = (
    b'{"metric_stream_name":"MyMetricStream","account_id":"1234567890","region":"us-east-1",'
    b'"namespace":"AWS/EC2","metric_name":"CPUUtilization","dimensions":{"InstanceId":'
    b'"i-123456789012"},"timestamp":1611929698000,"value":{"count":3.0,"sum":20.0,"max":18.0,'
    b'"min":0.0,"p50":10.0,"p90":16.0,"p99":17.0},"unit":"Percent"}'
)
AZURE_RECORD = (
    b'{"count":23,"total":12292.1382,"minimum":27.4786,"maximum":6695.419,'
    b'"average":534.440791304348,"resourceId":"/SUBSCRIPTIONS/0000/RESOURCEGROUPS/RG/PROVIDERS/'
    b'MICROSOFT.INSIGHTS/COMPONENTS/SERVICE","time":"2025-07-14T12:45:00.0000000Z",'
    b'"metricName":"dependencies/duration","timeGrain":"PT1M"}'
)
AZURE = b'{"records":[' + AZURE_RECORD + b"]}"
AZURE_RULE = (
    b'{"Average":"1","Count":"1","Maximum":"1","Minimum":"1","Total":"1","resourceId":'
    b'"/subscriptions/0/providers/microsoft.keyvault/vaults/v","time":"2024-08-22T13:43:00'
    b'.0000000Z","unit":"Count","metricName":"ServiceApiHit","timeGrain":"PT1M","dimension":'
    b'{"ActivityName":"keycreate"},"EventProcessedUtcTime":"2024-08-22T13:49:17.1233030Z",'
    b'"PartitionId":0}'
)
GCP_SERIES = (
    b'{"metric":{"labels":{"response_code":"success"},"type":"pubsub.googleapis.com/subscription/'
    b'push_request_count"},"metricKind":"DELTA","points":[{"interval":{"endTime":'
    b'"2019-02-19T21:00:00.829121Z","startTime":"2019-02-19T20:00:00.829121Z"},"value":'
    b'{"int64Value":"1"}}],"resource":{"labels":{"project_id":"p","subscription_id":"s"},'
    b'"type":"pubsub_subscription"},"valueType":"INT64"}'
)
GCP = b'{"timeSeries":[' + GCP_SERIES + b"]}"
FORESHOCK = (
    b'{"resource":"i-0a1b","cloud":"aws","service":"aws.ec2","account":"111122223333","region":'
    b'"eu-west-1","metric":"cpu.utilization","ts_ms":1772359200000,"value":42.0,"unit":"percent",'
    b'"attributes":{"tier":"1","team":"shop"}}'
)
TELEGRAF = (
    b'{"fields":{"usage_idle":30},"name":"cpu","tags":{"host":"raynor"},"timestamp":1458229140}'
)
OTLP_JSON = (
    b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":'
    b'"my.service"}}]},"scopeMetrics":[{"scope":{"name":"my.library"},"metrics":[{"name":'
    b'"my.counter","unit":"1","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":'
    b'[{"asDouble":5,"startTimeUnixNano":"1544712660300000000","timeUnixNano":'
    b'"1544712660300000000","attributes":[{"key":"k","value":{"stringValue":"v"}}]}]}}]}]}]}'
)
OTLP_PROTO = json_format.Parse(OTLP_JSON, ExportMetricsServiceRequest()).SerializeToString()
CLOUDWATCH_OTEL_MESSAGE = json_format.Parse(
    b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"cloud.provider","value":{"stringValue"'
    b':"aws"}},{"key":"cloud.account.id","value":{"stringValue":"1234567890"}},{"key":"cloud.region'
    b'","value":{"stringValue":"us-east-1"}},{"key":"aws.exporter.arn","value":{"stringValue":'
    b'"arn:aws:cloudwatch:us-east-1:1234567890:metric-stream/MyMetricStream"}}]},"scopeMetrics":[{'
    b'"metrics":[{"name":"amazonaws.com/AWS/EC2/CPUUtilization","unit":"%","summary":{"dataPoints":'
    b'[{"startTimeUnixNano":"1611929640000000000","timeUnixNano":"1611929698000000000","count":3,'
    b'"sum":20,"quantileValues":[{"quantile":0,"value":0},{"quantile":0.99,"value":17},{"quantile":'
    b'1,"value":18}],"attributes":[{"key":"Namespace","value":{"stringValue":"AWS/EC2"}},{"key":'
    b'"MetricName","value":{"stringValue":"CPUUtilization"}},{"key":"Dimensions","value":'
    b'{"kvlistValue":{"values":[{"key":"InstanceId","value":{"stringValue":"i-123456789012"}}]}}}]'
    b"}]}}]}]}]}",
    ExportMetricsServiceRequest(),
).SerializeToString()
CLOUDWATCH_OTEL = b"\xa7\x03" + CLOUDWATCH_OTEL_MESSAGE
PROMETHEUS_JSON = (
    b'{"timestamp":"2026-03-01T10:00:00Z","value":"1.5","name":"node_load1","labels":{"__name__":'
    b'"node_load1","instance":"raynor","job":"exporter"}}'
)
# A literal of snappy's, and in it one TimeSeries.
WRITE_REQUEST = (
    b"\x51\xf0\x50\x0a\x4f\x0a\x16\x0a\x08__name__\x12\x0anode_load1\x0a\x12\x0a\x08instance\x12\x06raynor"
    b"\x0a\x0f\x0a\x03job\x12\x08exporter\x12\x10\x09\0\0\0\0\0\0\xf8\x3f\x10\x80\xda\xdc\xc6\xca\x33"
)
ONE_POINT = {
    "azure-monitor": AZURE,
    "cloudwatch-json": CLOUDWATCH,
    "cloudwatch-otel": CLOUDWATCH_OTEL,
    "foreshock-json": FORESHOCK,
    "gcp-timeseries": GCP,
    "otlp-json": OTLP_JSON,
    "otlp-proto": OTLP_PROTO,
    "prometheus-json": PROMETHEUS_JSON,
    "prometheus-remote-write": WRITE_REQUEST,
    "telegraf-json": TELEGRAF,
}


class Sample(NamedTuple):
    """A decoded point, with its series spelt out."""

    series: Series
    ts_ms: int
    value: float
    payload: int


class Outcome(NamedTuple):
    """What a decoder made of payloads."""

    samples: list[Sample]
    rejects: list[tuple[int, str, str]]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(i, reason) for i, reason, _ in self.rejects]

    @property
    def values(self) -> list[float]:
        return [sample.value for sample in self.samples]


def decode(
    name: str, *payloads: bytes, settings: DecodeSettings | None = None, together: bool = True
) -> Outcome:
    """Decode with a new decoder, in one call or in a call a payload."""
    decoder, table = create_decoder(name, CATALOGUE, settings), SeriesTable()
    calls = [list(payloads)] if together else [[payload] for payload in payloads]
    samples: list[Sample] = []
    rejects: list[tuple[int, str, str]] = []
    first = 0
    for call in calls:
        batch, bad = (found := decoder(call, table)).batch, found.rejects
        columns = (batch.series.tolist(), batch.ts_ms.tolist(), batch.value.tolist())
        for series, ts_ms, value, payload in zip(*columns, batch.payload.tolist(), strict=True):
            samples.append(Sample(table.series[series], ts_ms, value, first + payload))
        rejects += [(first + i, reason, detail) for i, reason, detail in bad]
        first += len(call)
    return Outcome(samples, rejects)


def changed(payload: bytes, **fields: object) -> bytes:
    """Return a one-object payload with top-level fields replaced; None removes one."""
    document = json.loads(payload)
    for name, value in fields.items():
        if value is None:
            document.pop(name, None)
        else:
            document[name] = value
    return json.dumps(document).encode()
