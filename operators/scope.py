"""Which resources belong together when their alerts open at about the same time."""

from functools import lru_cache
from typing import NamedTuple

from schema import Resource

APPLICATION_ATTRIBUTES = ("application", "app")  # the first that is there counts

Pairs = tuple[tuple[str, str], ...]


class Place(NamedTuple):
    """Where a resource stands in the estate; alike for all that say the same of themselves."""

    service: str
    scope: str
    links: tuple[str, ...]
    region: str  # the name of cloud, account and region
    names: tuple[str, ...]  # all of the above
    described: Pairs
    application: str
    application_link: str  # the one of `links` that names it, or ""
    zone: str
    tier: str


def attribute(resource: Resource, *names: str) -> str:
    """Return the first of the named attributes that is there and not empty, else ""."""
    for name in names:
        for held, value in resource.attributes:
            if held == name and value:
                return value
    return ""


def place_of(resource: Resource) -> Place:
    """Return where the resource stands; what was made out once is kept."""
    return _place(
        resource.cloud, resource.account, resource.region, resource.service, resource.attributes
    )


def scope_of(resource: Resource) -> str:
    """Return the name of the smallest part of the estate whose alerts make one incident.

    Every resource has one, so one that is in no topology still gets its incident.
    """
    return place_of(resource).scope


def links_of(resource: Resource) -> tuple[str, ...]:
    """Return the names of what ties the resource to other services; strongest first, maybe none."""
    return place_of(resource).links


def relates(a: Resource, b: Resource) -> bool:
    """Tell whether alerts of both make one incident: one scope, or a link in common.

    Correlation looks scopes and links up by name rather than trying pairs, which is the same.
    """
    return scope_of(a) == scope_of(b) or not set(links_of(a)).isdisjoint(links_of(b))


def described(resource: Resource) -> Pairs:
    """Return what an incident's members may share, as the pairs that people are shown."""
    return place_of(resource).described


@lru_cache(16_384)
def _place(cloud: str, account: str, region: str, service: str, attributes: Pairs) -> Place:
    held = Resource(cloud, service, account, region, "", attributes)
    application, zone = attribute(held, *APPLICATION_ATTRIBUTES), attribute(held, "zone")
    ties = (("application", application), ("zone", zone))
    named = (("service", service), *ties)
    links = tuple("|".join((kind, cloud, account, region, value)) for kind, value in ties if value)
    scope = "|".join(("scope", cloud, account, region, service))
    around = "|".join(("region", cloud, account, region))
    return Place(
        service,
        scope,
        links,
        around,
        (scope, *links, around),
        (
            ("cloud", cloud),
            ("account", account),
            ("region", region),
            *((name, value) for name, value in named if value),
        ),
        application,
        links[0] if application else "",
        zone,
        attribute(held, "tier"),
    )
