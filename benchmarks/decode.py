"""What a decoder costs a sample, beside bare `msgspec.json.decode` of the same payloads.

Run: python benchmarks/decode.py [--samples 50000] [--series 500]
"""

import argparse
import time
from collections.abc import Callable

import msgspec

from config.catalogue import load_catalogue
from connectors.formats.registry import FORMATS, create_decoder
from schema import SeriesTable

START_MS = 1_772_359_200_000
ROUNDS = 7


def cloudwatch(i: int, series: int) -> bytes:
    """Return a line as a metric stream writes it, four percentiles included."""
    value = 40 + (i * 7919 % 1000) / 37
    return msgspec.json.encode(
        {
            "metric_stream_name": "all",
            "account_id": "111122223333",
            "region": "eu-west-1",
            "namespace": "AWS/EC2",
            "metric_name": "CPUUtilization",
            "dimensions": {"InstanceId": f"i-{i % series:012d}"},
            "timestamp": START_MS + i // series * 60_000,
            "value": {
                "max": value * 1.2,
                "min": value * 0.8,
                "sum": value * 5,
                "count": 5.0,
                "p90": value * 1.1,
                "p99": value * 1.19,
            },
            "unit": "Percent",
        }
    )


def foreshock(i: int, series: int) -> bytes:
    """Return one unified sample."""
    return msgspec.json.encode(
        {
            "resource": f"i-{i % series:012d}",
            "cloud": "aws",
            "service": "aws.ec2",
            "account": "111122223333",
            "region": "eu-west-1",
            "metric": "cpu.utilization",
            "ts_ms": START_MS + i // series * 60_000,
            "value": 40 + (i * 7919 % 1000) / 37,
            "unit": "percent",
            "attributes": {"team": "shop", "tier": "1"},
        }
    )


def _iso(i: int, series: int, digits: str) -> str:
    minute = i // series
    return f"2026-03-01T{minute // 60 % 24:02d}:{minute % 60:02d}:00{digits}Z"


def azure(i: int, series: int) -> bytes:
    """Return one record of a diagnostic setting."""
    value = 40 + (i * 7919 % 1000) / 37
    return msgspec.json.encode(
        {
            "count": 4,
            "total": value * 4,
            "minimum": value * 0.8,
            "maximum": value * 1.2,
            "average": value,
            "resourceId": "/SUBSCRIPTIONS/7D0C5A1E-52B4-4C0F-9A37-3F6B1E8D2C90/RESOURCEGROUPS/"
            f"RG/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/VM{i % series:05d}",
            "time": _iso(i, series, ".0000000"),
            "metricName": "Percentage CPU",
            "timeGrain": "PT1M",
        }
    )


def gcp(i: int, series: int) -> bytes:
    """Return a series of one point."""
    end = _iso(i, series, ".829121Z"[:-1])
    return msgspec.json.encode(
        {
            "metric": {"type": "compute.googleapis.com/instance/cpu/utilization"},
            "metricKind": "GAUGE",
            "points": [
                {
                    "interval": {"startTime": end, "endTime": end},
                    "value": {"doubleValue": 0.4 + (i * 7919 % 1000) / 3700},
                }
            ],
            "resource": {
                "labels": {
                    "project_id": "shop-prod",
                    "zone": "europe-west1-b",
                    "instance_id": f"4{i % series:017d}",
                },
                "type": "gce_instance",
            },
            "valueType": "DOUBLE",
        }
    )


MAKE: dict[str, Callable[[int, int], bytes]] = {
    "azure-monitor": azure,
    "cloudwatch-json": cloudwatch,
    "foreshock-json": foreshock,
    "gcp-timeseries": gcp,
}
ENVELOPE = {
    "azure-monitor": (b'{"records":[', b",", b"]}"),
    "gcp-timeseries": (b'{"timeSeries":[', b",", b"]}"),
}


def payloads(name: str, samples: int, series: int, points: int) -> list[bytes]:
    """Return payloads of `points` points each."""
    lines = [MAKE[name](i, series) for i in range(samples)]
    if points == 1:
        return lines
    head, between, tail = ENVELOPE.get(name, (b"", b"\n", b""))
    return [head + between.join(lines[i : i + points]) + tail for i in range(0, len(lines), points)]


def bare(chunks: list[list[bytes]]) -> None:
    """Decode and throw away: what any Python consumer of JSON pays."""
    decode = msgspec.json.decode
    for chunk in chunks:
        for payload in chunk:
            for line in payload.split(b"\n"):
                decode(line)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--series", type=int, default=500)
    args = parser.parse_args()
    catalogue = load_catalogue()
    print(f"{'format':16} {'points':>6} {'broken':>6} {'us/sample':>10} {'bare':>7} {'ratio':>6}")
    for name in FORMATS:
        for points, broken in ((1, 0), (10, 0), (100, 0), (1, 10)):
            made = payloads(name, args.samples, args.series, points)
            for i in range(0, len(made), 100 // broken if broken else len(made) + 1):
                made[i] = made[i] if not broken else made[i][:-20]
            size = max(1, 5_000 // points)
            chunks = [made[i : i + size] for i in range(0, len(made), size)]
            decoder, table = create_decoder(name, catalogue), SeriesTable()
            best = bare_best = float("inf")
            for _ in range(ROUNDS):  # interleaved: both see the same noise
                began = time.process_time()
                found = sum(len(decoder(chunk, table).batch.value) for chunk in chunks)
                best = min(best, time.process_time() - began)
                if not broken:
                    began = time.process_time()
                    bare(chunks)
                    bare_best = min(bare_best, time.process_time() - began)
            ours, theirs = best / args.samples * 1e6, bare_best / args.samples * 1e6
            lost = args.samples - found
            shown = f"{theirs:7.3f} {ours / theirs:6.2f}" if not broken else f"{'':7} {'':6}"
            print(f"{name:16} {points:6} {lost:6} {ours:10.3f} {shown}")


if __name__ == "__main__":
    main()
