"""Our names of vendors' services, and the families that they belong to."""

import re

MAX_CACHED = 65_536  # names come from producers

_UNSAFE = re.compile(r"[^a-z0-9]+")


class ServiceNames:
    """What services are called, on the wire and by us. Lookups are cached, within a bound."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}  # by cloud and vendor's name, case-folded
        self._families: dict[str, str] = {}  # where a service says so
        self._found: dict[tuple[str, str], str] = {}

    def add(self, service: str, names: tuple[str, ...], family: str | None) -> None:
        """Take up a service of ours."""
        cloud = service.split(".", 1)[0]
        self._known |= {(cloud, name.casefold()): service for name in (*names, service)}
        if family is not None:
            self._families[service] = family
        self._found.clear()

    def find(self, cloud: str, vendor_service: str) -> str:
        """Return our name ("aws.ec2") of a vendor's ("AWS/EC2"), made up by rule if unknown."""
        key = (cloud, vendor_service)
        found = self._found.get(key)
        if found is None:
            found = self._known.get((cloud, vendor_service.casefold()))
            found = _made_up(cloud, vendor_service) if found is None else found
            if len(self._found) >= MAX_CACHED:
                self._found.clear()
            self._found[key] = found
        return found

    def of_any_cloud(self, name: str) -> str | None:
        """Return our name of a service that any vendor calls so; None if none does."""
        wanted = name.casefold()
        return next((ours for (_, each), ours in self._known.items() if each == wanted), None)

    def lineage(self, service: str) -> tuple[str, ...]:
        """Return a service's family and itself, whose entries go over the family's."""
        family = self._families.get(service) or service.split(".", 1)[0]
        return (service,) if family == service else (family, service)


def _made_up(cloud: str, vendor_service: str) -> str:
    """Return "aws.xray" for "AWS/XRay", "azure.keyvault_vaults" for "microsoft.keyvault/vaults"."""
    name = vendor_service.casefold()
    for prefix in (f"{cloud}/", f"{cloud}.", "microsoft."):
        name = name.removeprefix(prefix)
    slug = _UNSAFE.sub("_", name).strip("_")
    return ".".join(part for part in (cloud, slug) if part)
