"""Metrics of which a label says what they mean: requests of response class 500 are errors."""

from connectors.formats.flat_text import Pairs
from schema import Catalogue, MetricSpec


def labelled_spec(
    catalogue: Catalogue, service: str, metric: str, labels: Pairs
) -> tuple[MetricSpec, Pairs]:
    """Return the catalogue's entry of `metric|label=value` if there is one, else of `metric`.

    The label that chose the entry is taken off: the entry says what it said.
    """
    for chosen in labels:
        name = f"{metric}|{chosen[0]}={chosen[1]}"
        spec = catalogue.lookup(service, name)
        if spec.metric != name:  # an unknown name would be given back as it is
            return spec, tuple(label for label in labels if label != chosen)
    return catalogue.lookup(service, metric), labels
