"""A topology in a file: what is read, and what is said of a faulty one."""

import json
from pathlib import Path

import pytest

from connectors.simulator.fleet import build_fleet
from connectors.simulator.topology import topology_yaml
from connectors.topology_file import read_topology_file
from schema import Edge, TopologyMap

WANTED = TopologyMap(
    ("batch", "web"),
    (("db", "aws.rds"),),
    (Edge("cart", "db"), Edge("cart", "node-1", "runs_on"), Edge("web", "cart")),
)
AS_YAML = """
nodes: [web, batch]
node_types: {db: aws.rds}
edges:
- {caller: web, callee: cart}
- {caller: cart, callee: db, type: calls}
- {caller: cart, callee: node-1, type: runs_on}
- {caller: web, callee: cart}
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    assert read_topology_file(written(tmp_path, "t.yaml", AS_YAML)) == WANTED
    as_json = json.dumps(
        {
            "edges": [
                {"caller": "cart", "callee": "node-1", "type": "runs_on"},
                {"caller": "cart", "callee": "db"},
                {"caller": "web", "callee": "cart"},
            ],
            "node_types": {"db": "aws.rds"},
            "nodes": ["batch", "web"],
        }
    )
    assert read_topology_file(written(tmp_path, "t.json", as_json)) == WANTED


def test_nodes_and_types_may_be_absent(tmp_path: Path) -> None:
    assert read_topology_file(written(tmp_path, "t.json", '{"edges":[]}')) == TopologyMap()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.yaml", "edges: [{caller: a, callee: 3}]", r"edges\[0\]\.callee: .*got `int`"),
        ("t.yaml", "edges: [{caller: a, callee: b, type: likes}]", r"edges\[0\]\.type: .*'likes'"),
        ("t.yaml", "edges: [{caller: a}]", r"edges\[0\]: .*missing required field `callee`"),
        ("t.yaml", "edges: []\nlinks: []", r".*unknown field `links`"),
        ("t.yaml", "nodes: [a]", r".*missing required field `edges`"),
        ("t.yaml", "edges:\n- {caller: a, caller: c}", r"line 2: caller: must be given once"),
        ("t.yaml", "edges: [", r"must be YAML: "),
        ("t.yaml", "", r"Expected `object`, got `null`"),
        ("t.json", '{"edges":[],"edges":[]}', r"edges: must be given once"),
        ("t.json", '{"edges":[', r"must be JSON: "),
        ("t.json", '{"edges":' + "[" * 99_999, r"must be JSON of some depth"),
        ("t.json", '{"edges":[{"caller":"","callee":"b"}]}', r"edges\[0\]\.caller: .*length >= 1"),
        ("t.json", '{"edges":[],"node_types":{"db":5}}', r"node_types: .*`int` \(of a value\)"),
        ("t.json", '{"edges":[],"node_types":{"":"x"}}', r"node_types: .*length >= 1 \(of a key\)"),
        ("t.csv", "", r".*must end in \.yaml, \.yml, \.json"),
    ],
)  # fmt: skip
def test_says_of_a_faulty_file_which_key_is_wrong(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = written(tmp_path, name, text)
    with pytest.raises(ValueError, match=rf"{name}: {message}"):
        read_topology_file(path)


def test_says_that_a_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.yaml: must be readable, got No such file"):
        read_topology_file(tmp_path / "gone.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"bad\.yaml: must be UTF-8, got .* at byte 0"):
        read_topology_file(tmp_path / "bad.yaml")


def test_what_the_simulator_writes_is_read(tmp_path: Path) -> None:
    fleet = build_fleet(60)
    found = read_topology_file(written(tmp_path, "topology.yaml", topology_yaml(fleet)))
    assert {node.name for node in fleet.nodes} <= set(found.nodes)
    assert {edge.type for edge in found.edges} == {"calls", "in_zone"}
    assert "zone" in dict(found.node_types).values()
