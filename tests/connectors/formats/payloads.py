"""Payloads in the exact shapes of their producers, and a way to decode them."""

import json
from typing import NamedTuple

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
ONE_POINT = {
    "azure-monitor": AZURE,
    "cloudwatch-json": CLOUDWATCH,
    "foreshock-json": FORESHOCK,
    "gcp-timeseries": GCP,
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
