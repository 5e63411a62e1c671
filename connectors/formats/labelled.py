"""Metrics of which a label says what they mean: requests of response class 500 are errors."""

from connectors.formats.flat_text import Pairs
from schema import Catalogue, MetricSpec


def labelled_spec(
    catalogue: Catalogue, service: str, metric: str, labels: Pairs
) -> tuple[MetricSpec, Pairs, Pairs]:
    """Return the catalogue's entry of `metric|label=value` if there is one, else of `metric`.

    Also the labels, and apart from them the one that chose the entry, which says what it said: it
    only tells streams of the series apart (statuses 500 and 503 are both errors).
    """
    for chosen in labels:
        name = f"{metric}|{chosen[0]}={chosen[1]}"
        spec = catalogue.lookup(service, name)
        if spec.metric != name:  # an unknown name would be given back as it is
            return spec, tuple(label for label in labels if label != chosen), (chosen,)
    return catalogue.lookup(service, metric), labels, ()
