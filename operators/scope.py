"""Which resources belong together when their alerts open at about the same time."""

from schema import Resource

APPLICATION_ATTRIBUTES = ("application", "app")  # the first that is there counts

Pairs = tuple[tuple[str, str], ...]


def attribute(resource: Resource, *names: str) -> str:
    """Return the first of the named attributes that is there and not empty, else ""."""
    for name in names:
        for held, value in resource.attributes:
            if held == name and value:
                return value
    return ""


def application_of(resource: Resource) -> str:
    """Return the application that the resource says it serves, or ""."""
    return attribute(resource, *APPLICATION_ATTRIBUTES)


def zone_of(resource: Resource) -> str:
    """Return the resource's zone, or ""."""
    return attribute(resource, "zone")


def scope_of(resource: Resource) -> str:
    """Return the name of the smallest part of the estate whose alerts make one incident.

    Every resource has one, so one that is in no topology still gets its incident.
    """
    return "|".join(("scope", resource.cloud, resource.account, resource.region, resource.service))


def links_of(resource: Resource) -> tuple[str, ...]:
    """Return the names of what ties the resource to other services; strongest first, maybe none."""
    place = (resource.cloud, resource.account, resource.region)
    tied = (("application", application_of(resource)), ("zone", zone_of(resource)))
    return tuple("|".join((kind, *place, value)) for kind, value in tied if value)


def relates(a: Resource, b: Resource) -> bool:
    """Tell whether alerts of both make one incident: one scope, or a link in common.

    Correlation looks scopes and links up by name rather than trying pairs, which is the same.
    """
    return scope_of(a) == scope_of(b) or not set(links_of(a)).isdisjoint(links_of(b))


def described(resource: Resource) -> Pairs:
    """Return what an incident's members may share, as the pairs that people are shown."""
    named = (
        ("service", resource.service),
        ("application", application_of(resource)),
        ("zone", zone_of(resource)),
    )
    return (
        ("cloud", resource.cloud),
        ("account", resource.account),
        ("region", resource.region),
        *((name, value) for name, value in named if value),
    )
