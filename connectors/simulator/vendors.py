"""What each kind of resource reports: the vendors' own metric names, units and levels."""

from typing import Literal

import msgspec

Role = Literal[
    "cpu", "memory", "disk", "disk_io", "requests", "network", "connections", "latency", "errors"
]
Form = Literal["gauge", "sum", "latency"]  # which statistics a point carries, and how they relate


class Metric(msgspec.Struct, frozen=True):
    """A vendor's metric. It behaves as its role does; the wire carries role * scale + offset."""

    name: str
    role: Role
    unit: str
    base: tuple[float, float]  # a resource's typical level, in the role's unit, is drawn from here
    form: Form = "gauge"
    scale: float = 1.0
    offset: float = 0.0
    decimals: int = 4
    lower: float = 0.0  # natural limits on the wire
    upper: float = float("inf")
    labels: tuple[tuple[str, str], ...] = ()
    plain: str = ""  # what it is called in a format without labels, if it has some
    integer: bool = False  # GCP: int64Value

    @property
    def bad(self) -> int:
        """Direction on the wire in which more of the role goes: +1, or -1 for what is *free*."""
        return 1 if self.scale > 0 else -1


class Kind(msgspec.Struct, frozen=True):
    """A kind of resource at a vendor."""

    cloud: str
    service: str  # our name
    vendor: str  # CloudWatch namespace, Azure provider type, GCP monitored resource type
    zonal: bool
    metrics: tuple[Metric, ...]


GIB = 2.0**30


def _free(name: str, role: Role, total: float, base: tuple[float, float]) -> Metric:
    """Return a metric that counts the free bytes of `total`, where the role is percent used."""
    return Metric(
        name, role, "Bytes", base, scale=-total / 100, offset=total, decimals=0, upper=total
    )


def _percent(name: str, role: Role, base: tuple[float, float]) -> Metric:
    return Metric(name, role, "Percent", base, upper=100.0)


def _ratio(name: str, role: Role, base: tuple[float, float]) -> Metric:
    return Metric(name, role, "1", base, scale=0.01, decimals=6, upper=1.0)


def _count(name: str, role: Role, base: tuple[float, float], unit: str = "Count") -> Metric:
    return Metric(name, role, unit, base, form="sum", decimals=0, integer=True)


KINDS: dict[str, Kind] = {
    "alb": Kind(
        "aws",
        "aws.elb",
        "AWS/ApplicationELB",
        False,
        (
            _count("RequestCount", "requests", (3000, 9000)),
            Metric(
                "TargetResponseTime", "latency", "Seconds", (60, 180), "latency", 0.001, decimals=6
            ),
            _count("HTTPCode_Target_5XX_Count", "errors", (5, 10)),
            _count("ActiveConnectionCount", "connections", (300, 900)),
            _count("ProcessedBytes", "network", (3e7, 9e7), "Bytes"),
        ),
    ),
    "ec2": Kind(
        "aws",
        "aws.ec2",
        "AWS/EC2",
        True,
        (
            _percent("CPUUtilization", "cpu", (16, 26)),
            _count("NetworkIn", "network", (8e6, 3e7), "Bytes"),
            _count("NetworkOut", "network", (2e7, 6e7), "Bytes"),
            _count("EBSWriteBytes", "disk_io", (2e6, 8e6), "Bytes"),
            _count("EBSReadBytes", "disk_io", (1e6, 5e6), "Bytes"),
        ),
    ),
    "lambda": Kind(
        "aws",
        "aws.lambda",
        "AWS/Lambda",
        False,
        (
            _count("Invocations", "requests", (400, 1500)),
            Metric("Duration", "latency", "Milliseconds", (80, 400), "latency", decimals=3),
            _count("Errors", "errors", (4, 8)),
            Metric(
                "ConcurrentExecutions", "connections", "Count", (20, 60), decimals=0, integer=True
            ),
        ),
    ),
    "rds": Kind(
        "aws",
        "aws.rds",
        "AWS/RDS",
        True,
        (
            _percent("CPUUtilization", "cpu", (14, 24)),
            _free("FreeableMemory", "memory", 32 * GIB, (45, 65)),
            _free("FreeStorageSpace", "disk", 500 * GIB, (35, 55)),
            Metric("DatabaseConnections", "connections", "Count", (80, 240), decimals=0),
            Metric("ReadLatency", "latency", "Seconds", (1.5, 6), "latency", 0.001, decimals=6),
            Metric("WriteIOPS", "disk_io", "Count/Second", (150, 600), decimals=2),
        ),
    ),
    "app_service": Kind(
        "azure",
        "azure.app_service",
        "microsoft.web/sites",
        False,
        (
            _count("Requests", "requests", (2000, 7000)),
            Metric(
                "HttpResponseTime", "latency", "Seconds", (90, 260), "latency", 0.001, decimals=6
            ),
            _count("Http5xx", "errors", (5, 10)),
            _count("BytesSent", "network", (2e7, 7e7), "Bytes"),
            Metric(
                "MemoryWorkingSet", "memory", "Bytes", (45, 65), scale=8 * GIB / 100, decimals=0
            ),
        ),
    ),
    "vm": Kind(
        "azure",
        "azure.vm",
        "microsoft.compute/virtualmachines",
        True,
        (
            _percent("Percentage CPU", "cpu", (16, 26)),
            _free("Available Memory Bytes", "memory", 16 * GIB, (45, 65)),
            _count("Network In Total", "network", (8e6, 3e7), "Bytes"),
            _count("Network Out Total", "network", (2e7, 6e7), "Bytes"),
            _count("Disk Write Bytes", "disk_io", (2e6, 8e6), "Bytes"),
        ),
    ),
    "aks": Kind(
        "azure",
        "azure.aks",
        "microsoft.containerservice/managedclusters",
        False,
        (
            _percent("node_cpu_usage_percentage", "cpu", (18, 28)),
            _percent("node_memory_working_set_percentage", "memory", (45, 65)),
            _percent("node_disk_usage_percentage", "disk", (35, 55)),
            _count("node_network_in_bytes", "network", (2e7, 6e7), "Bytes"),
            _count("node_network_out_bytes", "network", (4e7, 9e7), "Bytes"),
        ),
    ),
    "https_lb": Kind(
        "gcp",
        "gcp.https_lb",
        "https_lb_rule",
        False,
        (
            Metric(
                "loadbalancing.googleapis.com/https/request_count",
                "requests",
                "1",
                (3000, 9000),
                "sum",
                decimals=0,
                labels=(("response_code_class", "200"),),
                plain="request.rate",
                integer=True,
            ),
            Metric(
                "loadbalancing.googleapis.com/https/request_count",
                "errors",
                "1",
                (5, 10),
                "sum",
                decimals=0,
                labels=(("response_code_class", "500"),),
                plain="error.count",
                integer=True,
            ),
            Metric(
                "loadbalancing.googleapis.com/https/backend_latencies",
                "latency",
                "ms",
                (60, 180),
                "latency",
                decimals=3,
            ),
            _count(
                "loadbalancing.googleapis.com/https/response_bytes_count", "network", (3e7, 9e7)
            ),
        ),
    ),
    "gce": Kind(
        "gcp",
        "gcp.gce",
        "gce_instance",
        True,
        (
            _ratio("compute.googleapis.com/instance/cpu/utilization", "cpu", (16, 26)),
            _count(
                "compute.googleapis.com/instance/network/received_bytes_count",
                "network",
                (8e6, 3e7),
            ),
            _count(
                "compute.googleapis.com/instance/network/sent_bytes_count", "network", (2e7, 6e7)
            ),
            _count("compute.googleapis.com/instance/disk/write_bytes_count", "disk_io", (2e6, 8e6)),
            _count("compute.googleapis.com/instance/disk/read_bytes_count", "disk_io", (1e6, 5e6)),
        ),
    ),
    "gke": Kind(
        "gcp",
        "gcp.gke",
        "k8s_node",
        True,
        (
            _ratio("kubernetes.io/node/cpu/allocatable_utilization", "cpu", (18, 28)),
            _ratio("kubernetes.io/node/memory/allocatable_utilization", "memory", (45, 65)),
            _count("kubernetes.io/node/network/received_bytes_count", "network", (2e7, 6e7)),
            _count("kubernetes.io/node/network/sent_bytes_count", "network", (4e7, 9e7)),
        ),
    ),
    "cloudsql": Kind(
        "gcp",
        "gcp.cloudsql",
        "cloudsql_database",
        True,
        (
            _ratio("cloudsql.googleapis.com/database/cpu/utilization", "cpu", (14, 24)),
            _ratio("cloudsql.googleapis.com/database/memory/utilization", "memory", (45, 65)),
            _ratio("cloudsql.googleapis.com/database/disk/utilization", "disk", (35, 55)),
            Metric(
                "cloudsql.googleapis.com/database/network/connections",
                "connections",
                "1",
                (80, 240),
                decimals=0,
                integer=True,
            ),
            _count(
                "cloudsql.googleapis.com/database/disk/write_ops_count", "disk_io", (6000, 24000)
            ),
        ),
    ),
}
