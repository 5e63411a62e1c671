"""YAML that people write by the thousand lines: parsed fast, what PyYAML would lose found."""

import yaml


def parse(text: str) -> tuple[object, yaml.Node | None]:
    """Return the document's plain data, and the nodes that it was made of; None where empty.

    Raises: ValueError saying what must hold.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        return None if node is None else loader.construct_document(node), node
    except (yaml.YAMLError, ValueError) as ex:  # ValueError: a date such as 2026-02-30
        raise ValueError(f"must be YAML: {' '.join(str(ex).split())}") from ex
    except RecursionError as ex:
        raise ValueError("must be YAML of some depth, got one nested too deeply") from ex
    finally:
        loader.dispose()


def given_twice(node: yaml.Node) -> yaml.Node | None:
    """Return a key that stands in its mapping already; PyYAML keeps the last alone."""
    if isinstance(node, yaml.SequenceNode):
        return next(filter(None, map(given_twice, node.value)), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    names = set[str]()
    key: yaml.Node
    for key, _ in node.value:
        if str(key.value) in names:
            return key
        names.add(str(key.value))
    return next(filter(None, (given_twice(value) for _, value in node.value)), None)
