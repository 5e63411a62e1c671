"""The formats by name. A new one is a file, and a line here."""

from collections.abc import Callable

from connectors.formats.attributed import Attributed, Inventory
from connectors.formats.auto import AUTO, Chosen
from connectors.formats.azure_monitor import AzureMonitor
from connectors.formats.blocks import InBlocks
from connectors.formats.cloudwatch_json import CloudwatchJson
from connectors.formats.cloudwatch_otel import CloudwatchOtel
from connectors.formats.encodings import Unpacked, check_encoding
from connectors.formats.foreshock_json import ForeshockJson
from connectors.formats.gcp_timeseries import GcpTimeseries
from connectors.formats.otlp_json import OtlpJson
from connectors.formats.otlp_proto import OtlpProto
from connectors.formats.prometheus_json import PrometheusJson
from connectors.formats.prometheus_remote_write import PrometheusRemoteWrite
from connectors.formats.settings import DecodeSettings
from connectors.formats.telegraf_json import TelegrafJson
from schema import Catalogue, Decoder, NamedDecoder

_DECODERS: dict[str, Callable[[Catalogue, DecodeSettings], Decoder]] = {
    "azure-monitor": AzureMonitor,
    "cloudwatch-json": CloudwatchJson,
    "cloudwatch-otel": CloudwatchOtel,
    "foreshock-json": ForeshockJson,
    "gcp-timeseries": GcpTimeseries,
    "prometheus-json": PrometheusJson,
    "prometheus-remote-write": PrometheusRemoteWrite,
    "otlp-json": OtlpJson,
    "otlp-proto": OtlpProto,
    "telegraf-json": TelegrafJson,
}

FORMATS = tuple(_DECODERS)
# A payload is no text, so in a file it is the whole file.
BINARY_FORMATS = frozenset({"cloudwatch-otel", "otlp-proto", "prometheus-remote-write"})


def create_decoder(
    name: str,
    catalogue: Catalogue,
    settings: DecodeSettings | None = None,
    *,
    encoding: str = "auto",
    inventory: Inventory | None = None,
    source: str = "",
    found: str = "",
) -> NamedDecoder:
    """Return a new decoder of the format `name`: one for each partition.

    Of `auto`, `found` is what it had found before a restart, and `source` is for its log line.
    """
    check_format(name)
    check_encoding(encoding)
    if found and found not in _DECODERS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {found!r} as found")
    limits = DecodeSettings() if settings is None else settings

    def make(format_name: str) -> Decoder:
        decoder: Decoder = InBlocks(_DECODERS[format_name](catalogue, limits))
        return decoder if inventory is None else Attributed(decoder, inventory)

    chosen = found if name == AUTO else name
    decoder = Chosen(make, FORMATS, limits.max_payload_bytes, source, chosen)
    if chosen == "prometheus-remote-write" and encoding == "snappy":
        encoding = "auto"  # its block form is the format's own
    return decoder if encoding == "none" else Unpacked(decoder, encoding, limits.max_payload_bytes)


def check_format(name: str) -> None:
    """Raise ValueError unless `name` is a format, or `auto`."""
    if name != AUTO and name not in _DECODERS:
        raise ValueError(f"format must be one of {', '.join((*FORMATS, AUTO))}, got {name!r}")
