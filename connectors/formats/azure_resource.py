"""Azure resource ids."""

from schema import Catalogue, Resource


def azure_resource(resource_id: str, region: str, catalogue: Catalogue) -> Resource:
    """Return the resource of `/subscriptions/S/resourceGroups/G/providers/P/T/N[/T/N...]`.

    Producers differ in case, so all but the name, which people read, is case-folded; the uid
    tells apart resources of one name in two groups. A string of another shape is a name alone.
    """
    folded = resource_id.casefold()
    parts = folded.strip("/").split("/")
    name = resource_id.rstrip("/").rsplit("/", 1)[-1] or resource_id
    account = parts[1] if len(parts) > 1 and parts[0] == "subscriptions" else ""
    kind = ""
    if "providers" in parts:
        provider = len(parts) - 1 - parts[::-1].index("providers")
        kind = "/".join(parts[provider + 1 : provider + 2] + parts[provider + 2 :: 2])
    service = catalogue.service("azure", kind)
    return Resource("azure", service, account, region, name, (), folded.strip("/"))
