from pathlib import Path

import pytest

from connectors.partition_list import FILE, lasting_order


def test_without_a_store_the_order_is_that_of_the_names() -> None:
    assert lasting_order(None, ["b", "a"]) == ["a", "b"]


def test_what_comes_later_goes_behind(tmp_path: Path) -> None:
    store = tmp_path / "state"
    assert lasting_order(store, ["m/2", "m/0"]) == ["m/0", "m/2"]
    assert lasting_order(store, ["m/0", "m/1", "m/2", "a/0"]) == ["m/0", "m/2", "a/0", "m/1"]
    assert lasting_order(store, ["a/0", "m/0", "m/1", "m/2"]) == ["m/0", "m/2", "a/0", "m/1"]
    assert [file.name for file in store.iterdir()] == [FILE]


def test_a_partition_that_is_gone_is_refused_by_name(tmp_path: Path) -> None:
    lasting_order(tmp_path, ["m/0", "m/1"])
    with pytest.raises(ValueError, match=r"'m/1' is gone \(1 in all\)"):
        lasting_order(tmp_path, ["m/0"])


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'["a"'])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ValueError, match=f"{FILE}: must be a list of partitions"):
        lasting_order(tmp_path, ["m/0"])
