"""Who a CloudWatch metric is about: the same rule for both formats of a metric stream."""

from connectors.formats.flat_text import Pairs, joined, unambiguous
from schema import Resource

# A single dimension names the resource; where it is not the namespace's own, its name tells it
# apart: an Aurora cluster and an instance may both be called "orders".
_OWN_DIMENSION = {
    "AWS/EC2": "InstanceId",
    "CWAgent": "InstanceId",
    "AWS/Lambda": "FunctionName",
    "AWS/RDS": "DBInstanceIdentifier",
    "AWS/ELB": "LoadBalancerName",
    "AWS/ApplicationELB": "LoadBalancer",
}


def cloudwatch_resource(
    service: str, account: str, region: str, namespace: str, dimensions: Pairs
) -> Resource:
    """Return the resource that `dimensions` (sorted) name, the namespace itself if none."""
    uid = ""
    if not dimensions:
        name = namespace.rsplit("/", 1)[-1]
    elif len(dimensions) == 1:
        key, name = dimensions[0]
        if key != _OWN_DIMENSION.get(namespace):
            uid = unambiguous(dimensions)
    else:
        name, uid = joined(dimensions), unambiguous(dimensions)
    zones = tuple(("zone", value) for key, value in dimensions if key == "AvailabilityZone")
    return Resource("aws", service, account, region, name, zones, uid)
