"""What the keys do."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from terminal.filter_words import HELP as FILTER_HELP
from terminal.lines import Pane
from terminal.palette import Line, Look, Part, plain

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Move", (
        ("up down, j k", "the row before, the next one"),
        ("PgUp PgDn, g G", "a screen, the first and the last row"),
        ("Enter, Esc", "read all of it, and back"),
        ("Tab", "the next part of the screen"),
        ("1 to 5", "incidents, queue, estate, models, silences"),
    )),
    ("Act on the incident that is chosen; Enter asks, Esc leaves it", (
        ("a, u", "acknowledge, take that back"),
        ("r, O, C", "resolve, reopen, close for good"),
        ("@, n", "assign, write a note"),
        ("s", "silence what it is about"),
        ("f, t", "it was a false positive, it was real"),
        ("e", "in the list of silences: end it"),
    )),
    ("Find", (
        ("/", FILTER_HELP),
        ("v, w", "by least severity, by state: going on, open, resolved, all"),
        ("o", "order: newest, oldest, worst"),
        ("Esc", "all that goes on"),
    )),
    ("Else", (
        ("y", "copy the id, where the terminal allows it"),
        ("Ctrl-L", "read all again, and draw all again"),
        ("q", "quit"),
    )),
)  # fmt: skip
WORDS = (
    "An action is a request to the flow: the state says what is asked (ack?) until the flow has",
    "obeyed or refused it, a tick or two later. Times are UTC. left: until the next deadline.",
)


class HelpScreen(Screen[None]):
    """All keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "leave")]

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def compose(self) -> ComposeResult:
        """Make the one pane."""
        yield Pane(self._look, id="help")

    def on_mount(self) -> None:
        """Fill it."""
        pane = self.query_one(Pane)
        pane.show(help_lines())
        pane.focus()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()


def help_lines() -> list[Line]:
    """Return the help."""
    lines: list[Line] = [plain("foreshock top: keys", "title")]
    for name, keys in KEYS:
        lines += [(), plain(name, "strong")]
        lines += [(Part(f"  {key:<16}", "key"), Part(said)) for key, said in keys]
    return [*lines, (), *(plain(each, "dim") for each in WORDS), plain("Esc goes back", "dim")]
