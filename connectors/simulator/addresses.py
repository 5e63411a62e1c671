"""What the vendors call a resource: its name, and the labels that carry it on the wire."""

import hashlib
from typing import NamedTuple

from connectors.simulator.vendors import KINDS

ACCOUNTS = {
    "aws": "482913057761",
    "azure": "7d0c5a1e-52b4-4c0f-9a37-3f6b1e8d2c90",
    "gcp": "northwind-prod",
}
DIMENSION = {
    "alb": "LoadBalancer",
    "ec2": "InstanceId",
    "lambda": "FunctionName",
    "rds": "DBInstanceIdentifier",
}


class Address(NamedTuple):
    """A resource on the wire. `name` is what a decoder makes of it."""

    name: str
    labels: dict[str, str]  # CloudWatch dimensions, GCP resource labels; Azure: resourceId


def address_of(kind: str, application: str, part: str, region: str, zone: str) -> Address:
    """Return the address of a part of an application."""
    cloud = KINDS[kind].cloud
    title = f"{application}-{part}"
    digest = hashlib.blake2b(title.encode(), digest_size=16).hexdigest()
    if cloud == "aws":
        name = {"alb": f"app/{title}/{digest[:16]}", "ec2": f"i-0{digest[:16]}"}.get(kind, title)
        return Address(name, {DIMENSION[kind]: name})
    if cloud == "azure":
        group = f"/subscriptions/{ACCOUNTS[cloud]}/resourcegroups/rg-{application}"
        return Address(title, {"resourceId": f"{group}/providers/{KINDS[kind].vendor}/{title}"})
    project = ACCOUNTS[cloud]
    number = str(int(digest, 16))[:18]
    by_kind: dict[str, tuple[str, dict[str, str]]] = {
        "gce": (number, {"instance_id": number, "zone": zone}),
        "gke": (
            f"gke-{title}",
            {"cluster_name": application, "location": zone, "node_name": f"gke-{title}"},
        ),
        "cloudsql": (
            f"{project}:{title}",
            {"database_id": f"{project}:{title}", "region": region},
        ),
        "https_lb": (
            title,
            {"forwarding_rule_name": title, "region": "global", "url_map_name": title},
        ),
    }
    name, labels = by_kind[kind]
    return Address(name, {"project_id": project} | labels)
