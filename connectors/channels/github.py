"""GitHub: an incident is an issue.

Source: https://docs.github.com/en/rest/issues (version 2022-11-28: create, comment, update, list;
a title of at most 256 characters, a body of 65,536), and its rate limits (403 or 429). An issue is
found among the newest of its label by a mark in its text: the search of GitHub lags behind.
"""

import re
from urllib.parse import urlencode

import msgspec

from connectors.channels.channel import Later, Message, Outcome, Refused
from connectors.channels.markup import github_markdown
from connectors.channels.tickets import JsonApi, TicketChannel, title_of
from connectors.secret import Secret
from schema import ChannelOptions

URL = "https://api.github.com"
MAX_TITLE, MAX_BODY = 256, 60_000
NEWEST = 50  # issues that are looked through
MAX_LIST = 8_388_608  # bytes of them
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


class GitHubSettings(ChannelOptions, frozen=True, kw_only=True, tag="github"):
    """The YAML of a channel of `type: github`."""

    repository: str  # "owner/name"
    token: Secret  # that may write issues
    labels: tuple[str, ...] = ("foreshock",)
    assignees: tuple[str, ...] = ()
    url: str = URL  # "https://github.example/api/v3" of an Enterprise Server
    allow_private: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _REPOSITORY.fullmatch(self.repository):
            raise ValueError(f'repository must be like "owner/name", got {self.repository!r}')
        if not self.labels or not all(
            0 < len(label) <= 50 and "," not in label for label in self.labels
        ):
            raise ValueError(
                f"labels must be at least one, of 1 to 50 characters without a comma,"
                f" got {self.labels!r}"
            )


class _Issue(msgspec.Struct):
    number: int
    body: str | None = None


class GitHubIssues:
    """The issues of a repository."""

    def __init__(self, settings: GitHubSettings) -> None:
        self._settings = settings
        self._issues = f"/repos/{settings.repository}/issues"
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {settings.token.read()}",
            "User-Agent": "foreshock",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._api = JsonApi(
            settings.url, headers, allow_private=settings.allow_private, max_answer=MAX_LIST
        )

    def find(self, key: str) -> str:
        """Return the number of the newest issue with the key, "" if there is none."""
        query = urlencode({
            "labels": self._settings.labels[0], "state": "all", "sort": "created",
            "direction": "desc", "per_page": str(NEWEST),
        })  # fmt: skip
        path = f"{self._issues}?{query}"
        found = self._api.ask("GET", path, list[_Issue], judge=_judged)
        return next((str(each.number) for each in found if _mark(key) in (each.body or "")), "")

    def open(self, key: str, message: Message) -> str:
        """Open an issue."""
        issue: dict[str, object] = {
            "title": title_of(message, MAX_TITLE),
            "body": f"{_body(message)}\n\n{_mark(key)}",
            "labels": self._settings.labels,
        }
        if self._settings.assignees:
            issue["assignees"] = self._settings.assignees
        return str(self._api.ask("POST", self._issues, _Issue, issue, judge=_judged).number)

    def tell(self, ticket: str, message: Message, *, again: bool) -> None:
        """Comment on an issue."""
        if again:
            self._set(ticket, {"state": "open"})
        path = f"{self._issues}/{ticket}/comments"
        self._api.ask("POST", path, object, {"body": _body(message)}, judge=_judged)

    def end(self, ticket: str, message: Message) -> None:
        """Close an issue, then say why: asked again, it is closed already."""
        self._set(ticket, {"state": "closed", "state_reason": "completed"})
        self.tell(ticket, message, again=False)

    def shut(self) -> None:
        """Close the connection."""
        self._api.close()

    def _set(self, ticket: str, values: dict[str, str]) -> None:
        self._api.ask("PATCH", f"{self._issues}/{ticket}", object, values, judge=_judged)


def open_github(settings: GitHubSettings) -> TicketChannel:
    """Open the channel."""
    return TicketChannel(GitHubIssues(settings))


def _mark(key: str) -> str:
    return f"<!-- {key} -->"


def _body(message: Message) -> str:
    """Return the text as Markdown; its own links alone are links."""
    text = "\n".join(github_markdown(line) for line in message.words())[:MAX_BODY]
    links = [f"[{github_markdown(label)}](<{link}>)" for label, link in message.links()]
    return "\n".join([text, *links])


def _judged(outcome: Outcome) -> Outcome:
    """A rate limit may come as 403: https://docs.github.com/en/rest/using-the-rest-api/."""
    if isinstance(outcome, Refused) and "rate limit" in outcome.error.lower():
        return Later(outcome.error)
    return outcome
