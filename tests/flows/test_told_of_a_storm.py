"""Five thousand alerts of one fault, through triage: how many messages that makes."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

from operators.routes import Route
from schema import ChannelOptions
from tests.flows.told_world import World
from tests.storms.faults import Storm
from tests.storms.story import outages, told

CHANNELS = {
    "page": ChannelOptions(),  # only what is worse than it was told, and deadlines
    "feed": ChannelOptions(updates="all"),  # at most a message in `group_interval_s`
    "once": ChannelOptions(updates="none"),
}
INTERVAL_MINUTES = 10


def over_forty_minutes() -> Storm:
    """Return the loss of a zone, where half of the alerts come later: something new each minute."""
    storm = outages(0)
    step = 40 / len(storm.alerts)
    alerts = [
        replace(alert, opens=alert.opens + int(i * step) * (i % 2), closes=88)
        for i, alert in enumerate(storm.alerts)
    ]
    return replace(storm, alerts=alerts)


def test_a_storm_of_five_thousand_alerts_is_a_handful_of_messages(tmp_path: Path) -> None:
    said, _, _ = told(over_forty_minutes())
    worst = max(said, key=lambda each: each.incident.member_count).incident
    of_it = [each for each in said if each.incident.id == worst.id]
    assert worst.member_count >= 4_500
    assert len(of_it) >= 10
    interval_s = 60.0 * INTERVAL_MINUTES
    route = Route(channels=tuple(CHANNELS), repeat_s=0.0, group_interval_s=interval_s)
    world = World(f"sqlite:///{tmp_path / 'storm.db'}", CHANNELS, route)
    world.now_ms = said[0].ts_ms
    for at_ms, events in groupby(said, key=lambda each: each.ts_ms):
        world.run((at_ms - world.now_ms) / 60_000)
        world.store.record(list(events))
        world.run()
    world.run(60)
    world.store.close()
    world.outbox.close()
    counts = {
        name: sum(each.notice.incident == worst.id for each in provider.took)
        for name, provider in world.providers.items()
    }
    minutes = (of_it[-1].ts_ms - of_it[0].ts_ms) / 60_000
    assert counts["once"] <= 2  # that it is there, and that it is over
    assert counts["page"] <= 5
    assert counts["feed"] <= 5 + minutes / INTERVAL_MINUTES
    assert all(counts.values())
