import time
from pathlib import Path

import msgspec
import pytest

from connectors.formats.registry import FORMATS, create_decoder
from connectors.inventory import Entry, Inventory, Match
from connectors.inventory_file import InventoryFile, read_inventory
from schema import Resource, SeriesTable
from tests.connectors.formats.payloads import CATALOGUE, FORESHOCK, ONE_POINT, changed

WEB = Resource("aws", "aws.ec2", "1", "eu-west-1", "web-1", (), "dims:web-1")
AZURE_ID = "subscriptions/0/resourcegroups/rg/providers/microsoft.compute/virtualmachines/web"
AZURE = Resource("azure", "azure.vm", "0", "", "WEB", (), AZURE_ID)

YAML = """
- match: {name: "web-*", account: "1"}
  attributes: {team: shop, tier: 1}
- match:
    resource: web-1
  attributes: {team: web}
"""
LINES = """{"match":{"name":"web-*","account":"1"},"attributes":{"team":"shop","tier":"1"}}

{"match":{"resource":"web-1"},"attributes":{"team":"web"}}
"""
CSV = """name,account,team,tier
web-*,1,shop,1
web-1,,web,
"""


def entries(*given: tuple[dict[str, str], dict[str, str | int]]) -> Inventory:
    return Inventory(Entry(Match(**match), attributes) for match, attributes in given)


def known(resource: Resource, /, **match: str) -> bool:
    return entries((match, {"a": "b"})).attributes(resource) == (("a", "b"),)


@pytest.mark.parametrize(
    "match",
    [
        {"resource": "web-1"}, {"name": "web-1"}, {"name": "web-*"}, {"name": "*"},
        {"name": "w?b-[0-9]"}, {"name": "*-1"}, {"uid": "dims:web-1"}, {"cloud": "aws"},
        {"account": "1"}, {"region": "eu-west-1"}, {"service": "aws.ec2"},
        {"key": "aws|1|eu-west-1|aws.ec2|dims:web-1"},
        {"name": "web*", "cloud": "aws", "account": "1", "region": "eu-west-1",
         "service": "aws.ec2", "uid": "dims:web-1"},
    ],
)  # fmt: skip
def test_an_entry_is_about_what_has_all_its_fields(match: dict[str, str]) -> None:
    assert known(WEB, **match)
    for field in ("cloud", "account", "region", "service", "uid"):
        assert not known(WEB, **{**match, field: "other"})


@pytest.mark.parametrize(
    "match", [{"resource": "web-*"}, {"resource": "web"}, {"name": "Web-*"}, {"name": "web-"},
              {"name": "?"}, {"key": "web-1"}]
)  # fmt: skip
def test_an_entry_is_about_nothing_else(match: dict[str, str]) -> None:
    assert not known(WEB, **match)


def test_an_azure_id_may_be_written_in_any_case() -> None:
    assert known(AZURE, uid="/SUBSCRIPTIONS/0/" + AZURE_ID.removeprefix("subscriptions/0/").upper())
    assert not known(WEB, uid="DIMS:web-1")


def test_the_last_entry_with_an_attribute_has_its_say() -> None:
    found = entries(
        ({"name": "web-*"}, {"team": "a", "tier": 1}),
        ({"uid": "dims:web-1"}, {"team": "b"}),
        ({"cloud": "aws"}, {"owner": "c"}),
        ({"name": "*-1"}, {"team": "d"}),
    )
    assert found.attributes(WEB) == (("owner", "c"), ("team", "d"), ("tier", "1"))
    assert found.attributes(AZURE) == ()
    assert len(found) == 4


def test_tens_of_thousands_of_entries_are_found_in_next_to_no_time() -> None:
    matches = [Match(resource=f"web-{i}", account="1") for i in range(20_000)]
    matches += [Match(name=f"db-{i:05d}-*", account="1") for i in range(20_000)]
    found = Inventory(Entry(match, {"i": i % 20_000}) for i, match in enumerate(matches))
    asked = [Resource("", "s", "1", "", name) for i in range(500)
             for name in (f"web-{i}", f"db-{i:05d}-x")]  # fmt: skip
    began = time.process_time()
    answers = [found.attributes(resource) for resource in asked]
    assert answers[:4] == [(("i", "0"),), (("i", "0"),), (("i", "1"),), (("i", "1"),)]
    assert time.process_time() - began < 1.0


# ------------------------------------------------------------------ decoders


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_resources_what_is_known_of_them(name: str) -> None:
    table, plain = SeriesTable(), SeriesTable()
    knows = entries(({"name": "*"}, {"zz.team": "shop"}))
    found = create_decoder(name, CATALOGUE, inventory=knows)([ONE_POINT[name]], table)
    create_decoder(name, CATALOGUE)([ONE_POINT[name]], plain)
    assert len(found.batch.value) >= 1
    for one, other in zip(table.series, plain.series, strict=True):
        assert one.resource.key == other.resource.key
        assert one.resource.attributes == (*other.resource.attributes, ("zz.team", "shop"))
    assert table.source_metric == plain.source_metric


def test_the_inventory_wins_over_the_payload_and_leaves_the_rest() -> None:
    knows = entries(({"resource": "i-0a1b"}, {"team": "core"}))
    decoder, table = create_decoder("foreshock-json", CATALOGUE, inventory=knows), SeriesTable()
    decoder([FORESHOCK, changed(FORESHOCK, resource="i-2")], table)
    assert [s.resource.attributes for s in table.series] == [
        (("team", "core"), ("tier", "1")),
        (("team", "shop"), ("tier", "1")),
    ]


def test_another_table_gets_the_attributes_too() -> None:
    knows = entries(({"resource": "i-0a1b"}, {"team": "core"}))
    decoder = create_decoder("auto", CATALOGUE, inventory=knows)
    for table in (SeriesTable(), SeriesTable()):
        decoder([FORESHOCK], table)
        assert dict(table.series[0].resource.attributes)["team"] == "core"


# ------------------------------------------------------------------ files


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yaml", YAML), ("a.yml", YAML), ("a.jsonl", LINES), ("a.ndjson", LINES), ("a.csv", CSV),
     ("b.csv", "\ufeff" + CSV.replace("\n", "\r\n"))],
)  # fmt: skip
def test_every_kind_of_file_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, newline="")
    found = read_inventory(InventoryFile(str(path)))
    assert len(found) == 2
    assert found.attributes(WEB) == (("team", "web"), ("tier", "1"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "", "must be a list of entries, got a NoneType"),
        ("a.yaml", "match: {}", "must be a list of entries, got a dict"),
        ("a.yaml", "- [", "must be YAML: while parsing"),
        ("a.yaml", "- {when: 2026-02-30}", "must be YAML: day"),
        ("a.yaml", "- match: {name: a, name: b}\n  attributes: {a: b}",
         "entry 1: name: must be given once"),
        ("a.yaml", YAML + "- match: {account: 1}\n  attributes: {a: b}",
         r"entry 3: Expected `str`, got `int` - at `\$\.match\.account`"),
        ("a.yaml", "- match: {}\n  attributes: {a: b}",
         "entry 1: match must have at least one field"),
        ("a.yaml", "- match: {name: a, resource: b}\n  attributes: {a: b}",
         "entry 1: match must have `resource` or `name`, got both"),
        ("a.yaml", "- match: {name: a}\n  attributes: {}",
         "entry 1: Expected `object` of length >= 1"),
        ("a.yaml", "- match: {name: a}\n  attributes: {a: true}", "entry 1: Expected `int . str`"),
        ("a.yaml", "- match: {named: a}\n  attributes: {a: b}", "entry 1: .*unknown field `named`"),
        ("a.yaml", "- just text", "entry 1: Expected `object`, got `str`"),
        ("a.jsonl", LINES + "{", "line 4: must be JSON: "),
        ("a.jsonl", LINES + '{"match":{"name":"a"}}',
         "line 4: Object missing required field `attributes`"),
        ("a.csv", "", "line 1: must name columns"),
        ("a.csv", "team,tier\na,b", "line 1: must name columns"),
        ("a.csv", "name,team,team\na,b,c", "line 1: must name columns, each once"),
        ("a.csv", CSV + "x,1,shop", "line 4: must have as many cells as the header"),
        ("a.csv", CSV + "x,1,shop,1,2", "line 4: must have as many cells as the header"),
        ("a.csv", CSV + ",,shop,1", "line 4: match must have at least one field"),
        ("a.csv", CSV + "x,,,", "line 4: Expected `object` of length >= 1"),
        ("a.csv", CSV + '"x,,,', "line [34]: must be CSV: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_file_entry_and_what_must_hold(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"{name}: {message}"):
        read_inventory(InventoryFile(str(path)))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.csv: must be readable, got No such file"):
        read_inventory(InventoryFile(str(tmp_path / "none.csv")))
    (tmp_path / "latin.csv").write_bytes(b"name,team\nb\xf6,x")
    with pytest.raises(ValueError, match=r"latin\.csv: must be UTF-8, got .* at byte 11"):
        read_inventory(InventoryFile(str(tmp_path / "latin.csv")))


def test_a_file_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"path must end in \.yaml, .* got 'a\.xlsx'"):
        msgspec.convert({"type": "file", "path": "a.xlsx"}, InventoryFile)
