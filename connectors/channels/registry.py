"""Every kind of channel by its settings."""

from collections.abc import Callable

from connectors.channels.alertmanager import AlertmanagerChannel, AlertmanagerSettings
from connectors.channels.by_url import AppriseChannel, AppriseSettings
from connectors.channels.channel import Channel
from connectors.channels.console import ConsoleChannel, ConsoleSettings
from connectors.channels.email import EmailChannel, EmailSettings
from connectors.channels.github import GitHubSettings, open_github
from connectors.channels.jira import JiraSettings, open_jira
from connectors.channels.opsgenie import OpsgenieChannel, OpsgenieSettings
from connectors.channels.pagerduty import PagerDutyChannel, PagerDutySettings
from connectors.channels.servicenow import ServiceNowSettings, open_servicenow
from connectors.channels.slack import SlackChannel, SlackSettings
from connectors.channels.teams import TeamsChannel, TeamsSettings
from connectors.channels.webhook import WebhookChannel, WebhookSettings
from schema import ChannelOptions

ChannelSettings = (
    AlertmanagerSettings | AppriseSettings | ConsoleSettings | EmailSettings | GitHubSettings
    | JiraSettings | OpsgenieSettings | PagerDutySettings | ServiceNowSettings | SlackSettings
    | TeamsSettings | WebhookSettings
)  # fmt: skip


_OPEN: dict[type[ChannelOptions], Callable[..., Channel]] = {
    AlertmanagerSettings: AlertmanagerChannel,
    AppriseSettings: AppriseChannel,
    ConsoleSettings: ConsoleChannel,
    EmailSettings: EmailChannel,
    GitHubSettings: open_github,
    JiraSettings: open_jira,
    OpsgenieSettings: OpsgenieChannel,
    PagerDutySettings: PagerDutyChannel,
    ServiceNowSettings: open_servicenow,
    SlackSettings: SlackChannel,
    TeamsSettings: TeamsChannel,
    WebhookSettings: WebhookChannel,
}


def open_channel(settings: ChannelSettings) -> Channel:
    """Open a channel; its secrets are read here and nowhere else.

    Raises: ValueError for a secret that is not there.
    """
    return _OPEN[type(settings)](settings)
