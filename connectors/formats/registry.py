"""The formats by name. A new one is a file, and a line here."""

from collections.abc import Callable

from connectors.formats.azure_monitor import AzureMonitor
from connectors.formats.blocks import InBlocks
from connectors.formats.cloudwatch_json import CloudwatchJson
from connectors.formats.foreshock_json import ForeshockJson
from connectors.formats.gcp_timeseries import GcpTimeseries
from connectors.formats.settings import DecodeSettings
from schema import Catalogue, Decoder

_DECODERS: dict[str, Callable[[Catalogue, DecodeSettings], Decoder]] = {
    "azure-monitor": AzureMonitor,
    "cloudwatch-json": CloudwatchJson,
    "foreshock-json": ForeshockJson,
    "gcp-timeseries": GcpTimeseries,
}

FORMATS = tuple(_DECODERS)


def create_decoder(
    name: str, catalogue: Catalogue, settings: DecodeSettings | None = None
) -> Decoder:
    """Return a new decoder of the format `name`: one for each partition."""
    make = _DECODERS.get(name)
    if make is None:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")
    return InBlocks(make(catalogue, DecodeSettings() if settings is None else settings))
