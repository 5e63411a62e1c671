"""How `foreshock models` shows versions: tables for people, JSON for programs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from cli.model_statistics import as_object, print_details, print_statistics
from cli.tables import print_table, printable, write
from connectors.model_files import Manifest, ModelRefused, installed
from connectors.model_registry import Entry, Registry
from flows.model_diff import Difference, metrics_of
from flows.standing import Statistics

_LIST = ("service", "version", "state", "effective from (UTC)", "data from", "until", "rows")
_MISSING = "-"


def clock(ms: int) -> str:
    """Return a time, UTC, to the minute."""
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms):%Y-%m-%d %H:%M}"


def print_list(registry: Registry, entries: Sequence[Entry], as_json: bool) -> None:
    """Print versions, damaged ones too."""
    if as_json:
        for entry in entries:
            said, refused = _manifest(registry, entry)
            write(msgspec.json.encode(_object(entry, said, refused)).decode())
        return
    if not entries:
        write("no models")
        return
    rows = []
    for entry in entries:
        said, refused = _manifest(registry, entry)
        effective = entry.effective_from_ms
        when = _MISSING if effective is None else clock(effective)
        row = [entry.service, entry.version, entry.state, when]
        if said is None:
            rows.append([*row, *[_MISSING] * 5, refused])
            continue
        row += [clock(said.data_from_ms), clock(said.data_to_ms)]
        names = ("rows", "held_back_above_tail", "separation")
        rows.append([*row, *(_figure(name, said.figures.get(name)) for name in names), ""])
    header = (*_LIST, "above tail", "separation", "")
    print_table(header, rows)


def print_model(
    registry: Registry, version: str, statistics: Statistics | None, as_json: bool
) -> None:
    """Print all that is known of a version, once its files are verified, and of its service."""
    model = registry.load(version)
    entries = [entry for entry in registry.list() if entry.version == version]
    manifest = registry.manifest(entries[-1])
    if as_json:
        found = _object(entries[-1], manifest, "")
        found["served_from_ms"] = [e.effective_from_ms for e in entries if e.effective_from_ms]
        found["statistics"] = None if statistics is None else as_object(statistics)
        write(msgspec.json.encode(found).decode())
        return
    write(f"{model.version}  {model.service}  {entries[-1].state}")
    for entry in entries:
        if entry.effective_from_ms is not None:
            write(f"  {entry.state} from {clock(entry.effective_from_ms)} UTC")
    write(f"data        {clock(model.data_from_ms)} to {clock(model.data_to_ms)} UTC")
    metrics = metrics_of(model)
    write(f"features    {len(model.features)} of {len(metrics)} metrics: {', '.join(metrics)}")
    _section("figures", [(name, _figure(name, value)) for name, value in model.figures.items()])
    _section("settings", [(name, str(value)) for name, value in model.settings.items()])
    here = installed()
    libraries = [
        (name, said if here.get(name, said) == said else f"{said} (here {here[name]})")
        for name, said in model.libraries.items()
    ]
    _section("libraries", libraries)
    files = [("manifest.json", entries[-1].manifest_sha256)]
    files += [(f"{name}.npy", file.sha256) for name, file in manifest.arrays.items()]
    _section("sha256, verified", files)
    if statistics is not None:
        write("statistics")
        print_statistics([statistics])
        print_details(statistics)


def print_difference(found: Difference, as_json: bool) -> None:
    """Print what differs."""
    if as_json:
        write(msgspec.json.encode(found).decode())
        return
    rows = [
        (name, _figure(name, a), _figure(name, b), _change(a, b))
        for name, (a, b) in found.figures.items()
    ]
    write(f"A  {found.a}")
    write(f"B  {found.b}")
    print_table(("figure", "A", "B", "change"), rows)
    if found.settings:
        print_table(
            ("setting", "A", "B"),
            [(name, str(a), str(b)) for name, (a, b) in found.settings.items()],
        )
    write(f"metrics added    {', '.join(map(printable, found.added)) or 'none'}")
    write(f"metrics removed  {', '.join(map(printable, found.removed)) or 'none'}")
    agreed = found.agreement
    write(
        "scores           not compared: no rows are kept with A"
        if agreed is None
        else f"scores           rank correlation {agreed:.3f} on {found.rows} rows of A"
    )


def _manifest(registry: Registry, entry: Entry) -> tuple[Manifest | None, str]:
    try:
        return registry.manifest(entry), ""
    except ModelRefused as ex:
        return None, f"refused: {ex}"


def _object(entry: Entry, said: Manifest | None, refused: str) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(entry)
    if said is not None:
        found |= msgspec.to_builtins(said)
        found["effective_from_ms"] = entry.effective_from_ms
    if refused:
        found["refused"] = refused
    return found


def _section(title: str, rows: Sequence[tuple[str, str]]) -> None:
    write(title)
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        write(printable(f"  {name:<{width}}  {value}"))


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return _MISSING
    if name.endswith("rows"):
        return f"{value:,.0f}"
    return f"{value:.1%}" if name.endswith("above_tail") else f"{value:.3f}"


def _change(a: float | None, b: float | None) -> str:
    return _MISSING if a is None or b is None else f"{b - a:+.3g}"
