"""What becomes of callbacks is counted, and docs/notification.md says all that there may be."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from api.reception import STATUS
from config.app import App
from config.loader import load
from connectors.callback_meters import CallbackMeters
from connectors.callbacks.callback import Reason
from flows.callbacks import Status

PAGE = (Path(__file__).parents[2] / "docs" / "notification.md").read_text()
SECTION = PAGE.split("## Answering from where you were told\n")[1].split("\n## ")[0]


def test_the_metric_and_every_outcome_are_listed() -> None:
    (metric,) = CallbackMeters().registry.collect()
    assert f"`{metric.name}_total`" in SECTION
    rows = [row for row in SECTION.split("| outcome |")[1].splitlines() if row.startswith("| `")]
    listed = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])]
    assert sorted(listed) == sorted({*get_args(Reason), *get_args(Status), "ignored", "failed"})


def test_every_reason_has_a_status() -> None:
    assert set(STATUS) == {*get_args(Reason), "busy"}


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ({"url": "foreshock.example"}, "notify.callbacks.*url must be like https://"),
        ({"url": "https://u:p@x.example"}, "url must be like https://"),
        ({"mail": {"keys": {"k1": {"env": "X"}}, "sign_with": "k1"}}, "url must be set where mail"),
        ({"slack": {"secrets": [{"env": "X"}], "teams": []}}, "teams must name at least one"),
        ({"slack": {"secrets": [], "teams": ["T1"]}}, "secrets must name at least one"),
        ({"pagerduty": {"secrets": []}}, "secrets must name at least one"),
        ({"pagerduty": {"secrets": [{"env": "X"}], "max_age_s": 5}}, "max_age_s must be in"),
        ({"pagerduty": {"secrets": ["hunter2"]}}, "Expected `object`, got `str`"),
        ({"metrics_port": 0}, "metrics_port must be in"),
    ],
)
def test_wrong_settings_are_refused_with_their_key(
    tmp_path: Path, callbacks: object, message: str
) -> None:
    file = tmp_path / "settings.yaml"
    given = {"sources": [{"type": "simulator"}], "notify": {"callbacks": callbacks}}
    file.write_text(yaml.safe_dump(given))
    with pytest.raises(ValueError, match=message) as said:
        load(str(file), App)
    assert "notify.callbacks" in str(said.value)
    assert "hunter2" not in str(said.value)
