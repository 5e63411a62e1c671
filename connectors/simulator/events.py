"""Deploys as records: what a pipeline would announce, one JSON object a line."""

import json

from connectors.simulator.benign import deploy_of
from connectors.simulator.plan import Plan


def deploy_records(plan: Plan) -> list[tuple[int, bytes]]:
    """Return (time in epoch ms, record) of every restart of every deploy, by time."""
    records: list[tuple[int, bytes]] = []
    for event in plan.benign:
        if event.kind != "deploy":
            continue
        for node in event.nodes:
            ts_ms = plan.settings.ms(deploy_of(event, node, plan.settings)[0])
            body = {
                "type": "deploy",
                "id": event.id,
                "ts_ms": ts_ms,
                "resource": plan.fleet.nodes[node].name,
                "cloud": event.cloud,
                "application": plan.fleet.applications[event.application],
                "version": f"build-{event.id[1:]}",
            }
            records.append((ts_ms, json.dumps(body, separators=(",", ":")).encode()))
    return sorted(records)


def deploy_lines(plan: Plan) -> bytes:
    """Return the records as a file of JSON lines."""
    return b"".join(record + b"\n" for _, record in deploy_records(plan))
