"""Parse YAML as plain data, refusing what PyYAML would silently lose: a key given twice."""

import yaml

KeyPath = tuple[str | int, ...]  # keys and list positions from the top of the file


class YamlFault(ValueError):
    """What is wrong with a document that is good YAML, led by its dotted key."""


def dotted(at: KeyPath) -> str:
    """Write a path as `sources[1].topics`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at).lstrip(".")


def parse(text: str | bytes) -> object:
    """Return the document's plain data (YAML 1.1, PyYAML's safe tags).

    Raises: yaml.YAMLError for syntax, YamlFault for duplicate keys and self-reference.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, (), ())
        data: object = loader.construct_document(node)
        return data
    finally:
        loader.dispose()


def _check(node: yaml.Node, at: KeyPath, above: tuple[yaml.Node, ...]) -> None:
    if any(node is ancestor for ancestor in above):
        raise YamlFault(f"{dotted(at)}: an alias that holds itself")
    if isinstance(node, yaml.SequenceNode):
        for i, member in enumerate(node.value):
            _check(member, (*at, i), (*above, node))
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in lines:
                here = dotted((*at, name))
                raise YamlFault(f"{here}: given twice, on lines {lines[name]} and {line}")
            lines[name] = line
            _check(value, (*at, name), (*above, node))
