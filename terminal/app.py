"""The screen of `foreshock top`: its parts, its keys, and what they set in motion."""

import asyncio
import signal
from typing import ClassVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Input

from schema import Refusal
from schema.desk import RequestView, SilenceView
from terminal.asks import Ask, ask_of, end_silence, why_not
from terminal.backend import Away, Backend, Refused, Wanted
from terminal.errand import Errands
from terminal.filter_words import HELP, next_severity, next_sort, next_states, parse, spell
from terminal.help import HelpScreen
from terminal.layout import CSS, ROOMY_HEIGHT, arrangement
from terminal.lines import Bar, Listing, Pane
from terminal.palette import Look, Part, Role
from terminal.picture import Clock, Picture
from terminal.views import (
    VIEWS,
    View,
    banner_line,
    detail_of,
    estate_lines,
    head_line,
    keys_line,
    row_of,
    table_of,
    tabs_line,
)
from terminal.watch import Watch
from terminal.words import clean, clock

AGES_S = 10.0  # how often ages and time left are brought up to date
SLOW_CHECK_S = 1.0
GLANCES: dict[str, View] = {"queue-glance": "queue", "estate-glance": "estate",
                            "models-glance": "models"}  # fmt: skip


class TopApp(App[None]):
    """A dashboard that is read and acted on from a terminal."""

    CSS = CSS
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"view('{view}')") for number, view in enumerate(VIEWS, 1)),
        *(Binding(key, f"ask('{key}')") for key in "aurOCnsft"),
        Binding("at", "ask('@')"),
        Binding("e", "end_silence"),
        Binding("slash", "search"),
        Binding("v", "narrow('severity')"),
        Binding("w", "narrow('state')"),
        Binding("o", "narrow('order')"),
        Binding("y", "copy"),
        Binding("escape", "leave"),
        Binding("question_mark,f1", "help"),
        Binding("ctrl+l", "again"),
        Binding("q,ctrl+c", "quit"),
        Binding("ctrl+z", "suspend_process"),
    ]

    def __init__(
        self, backend: Backend, clock: Clock, look: Look, *, every_s: float = 2.0,
        wanted: Wanted | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.theme = "ansi-dark"  # of the terminal's own colours, on its own background
        self.look = look
        self.picture = Picture(clock, wanted)
        self.view: View = "incidents"
        self._backend = backend
        self._watch = Watch(backend, self.picture, self._draw, every_s)
        self._watch.answered = self._answered
        self._acting = Errands("foreshock-top-acting")
        self._ask: Ask | None = None  # what the line of text is for; None: to search
        self._chosen: dict[View, str | None] = {}
        self._read: tuple[View, str | None] | None = None

    def compose(self) -> ComposeResult:
        """Make the parts, from the top."""
        yield Bar(self.look, id="head")
        yield Bar(self.look, id="estate")
        yield Bar(self.look, id="banner")
        yield Bar(self.look, id="tabs")
        with Container(id="body"):
            yield Listing(self.look, id="list")
            yield Bar(self.look, id="rule")
            yield Pane(self.look, id="detail")
        with Container(id="glance"):
            for name in GLANCES:
                yield Listing(self.look, id=name)
        yield Bar(self.look, id="said")
        yield Input(id="prompt", select_on_focus=False)
        yield Bar(self.look, id="keys")

    def on_mount(self) -> None:
        """Begin to read."""
        self._list = self.query_one("#list", Listing)
        self._detail = self.query_one("#detail", Pane)
        self._prompt = self.query_one(Input)
        self._prompt.cursor_blink = False
        self._from = self._list  # the list that was in use last
        self._list.use(True)
        self._list.focus()
        for number in (signal.SIGTERM, signal.SIGHUP):  # the terminal is left as it was found
            asyncio.get_running_loop().add_signal_handler(number, self.exit)
        self.run_worker(self._watch.run(), name="watch")
        self.set_interval(AGES_S, self._draw)
        self.set_interval(SLOW_CHECK_S, self._draw_banner)

    def on_resize(self, event: events.Resize) -> None:
        """Arrange the parts for another size."""
        now = arrangement(event.size.width, event.size.height)
        for each in ("one", "below", "beside", "dash"):
            self.screen.set_class(each == now, f"-{each}")
        self.screen.set_class(event.size.height < ROOMY_HEIGHT, "-flat")
        if now != "one":
            self.screen.remove_class("-reading")
        self.call_after_refresh(self._draw)

    # ------------------------------------------------------------------ what is shown

    def _draw(self) -> None:
        if not self.is_running or len(self.screen_stack) > 1:
            return
        picture, width = self.picture, self.size.width
        self._bar("head", head_line(self._backend.place, picture, width))
        estate, lines = self.query_one("#estate", Bar), estate_lines(picture)
        estate.styles.height = len(lines)
        estate.show(lines)
        self._bar("keys", keys_line(self._shown, width))
        self._list.show_table(table_of(self.view, picture, self._list.size.width))
        for name, view in GLANCES.items():
            glance = self.query_one(f"#{name}", Listing)
            if glance.display and glance.size.width:
                glance.show_table(table_of(view, picture, glance.size.width))
        self._draw_detail()
        self._draw_tabs()
        self._draw_banner()

    def _draw_detail(self) -> None:
        view, key = self._shown, self._from.chosen
        if view in {"incidents", "queue"}:
            self._watch.look_at(key)
        size = self._detail.size
        if size.width:
            lines = detail_of(view, key, self.picture, size.width, size.height)
            self._detail.show(lines, at_top=self._read != (view, key))
            self._read = view, key
            self._bar("rule", (Part("─" * self.size.width, "dim"),))

    def _draw_tabs(self) -> None:
        line = tabs_line(self.view, self.picture, self._list.cursor, self.size.width)
        self._bar("tabs", line)

    def _draw_banner(self) -> None:
        line = banner_line(self.picture, self.size.width, slow=self._watch.is_slow)
        self.screen.set_class(line is not None, "-away")
        if line is not None:
            self._bar("banner", line)

    def _bar(self, name: str, line: tuple[Part, ...]) -> None:
        self.query_one(f"#{name}", Bar).show([line])

    def say(self, words: str, role: Role = "plain") -> None:
        """Say something at the foot of the screen, until something else is said."""
        self._bar("said", (Part(clean(words), role),))

    @property
    def _shown(self) -> View:
        """The view whose row is shown in detail, and acted on."""
        return GLANCES.get(self._from.id or "", self.view)

    # ------------------------------------------------------------------ moving

    @on(Listing.Chosen)
    def _on_chosen(self, event: Listing.Chosen) -> None:
        if event.listing is self._from:
            self._draw_detail()
            self._draw_tabs()

    @on(Listing.Opened)
    def _on_opened(self) -> None:
        if not self._detail.display:
            self.screen.add_class("-reading")
        self._detail.focus()
        self.call_after_refresh(self._draw)

    @on(Listing.Ending)
    def _on_ending(self, event: Listing.Ending) -> None:
        if event.listing is self._list and self.view == "incidents":
            self._watch.want_more()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Go by the list that is used."""
        if isinstance(event.widget, Listing) and event.widget is not self._from:
            self._use(event.widget)
            self._draw()

    def _use(self, listing: Listing) -> None:
        self._from.use(False)
        self._from = listing
        listing.use(True)

    def action_view(self, view: View) -> None:
        """Show another list."""
        self._chosen[self.view] = self._list.chosen
        self.view = view
        self._use(self._list)
        self.screen.remove_class("-reading")
        self._list.focus()
        width = self._list.size.width or self.size.width
        self._list.show_table(table_of(view, self.picture, width), at_top=True)
        before = self._chosen.get(view)
        if before is not None:
            self._list.choose(before)
        self._draw()

    def action_leave(self) -> None:
        """Leave what was begun last: the line of text, reading, the filter."""
        if self.screen.has_class("-asking"):
            self._close_prompt()
            self.say("")
        elif self.focused is not self._list:
            self.screen.remove_class("-reading")
            self._list.focus()
            self.call_after_refresh(self._draw)
        elif self.view == "incidents" and spell(self.picture.feed.wanted):
            self._want(Wanted(sort=self.picture.feed.wanted.sort))

    def action_help(self) -> None:
        """Say what the keys do."""
        self.push_screen(HelpScreen(self.look), lambda _: self._draw())

    def action_again(self) -> None:
        """Read and draw everything again."""
        self._watch.look_again()
        self.refresh(layout=True)
        self.screen.refresh(repaint=True, layout=True)

    def action_copy(self) -> None:
        """Put what is chosen on the clipboard of the terminal."""
        key = self._from.chosen
        if key is not None:
            self.copy_to_clipboard(key)
            self.say(f"copied, if the terminal allows it: {key}")

    # ------------------------------------------------------------------ finding

    def action_search(self) -> None:
        """Ask for a filter."""
        self.action_view("incidents")
        self._ask = None
        text = spell(self.picture.feed.wanted)
        self._open_prompt("search", HELP, text + " " if text else "")

    def action_narrow(self, by: str) -> None:
        """Take the next severity, state or order."""
        if self.view != "incidents":
            return
        turn = {"severity": next_severity, "state": next_states, "order": next_sort}[by]
        self._want(turn(self.picture.feed.wanted))

    def _want(self, wanted: Wanted) -> None:
        self._watch.want(wanted)
        table = table_of("incidents", self.picture, self._list.size.width)
        self._list.show_table(table, at_top=True)
        self._draw()

    # ------------------------------------------------------------------ acting

    def action_ask(self, key: str) -> None:
        """Begin to ask for something about the incident that is chosen."""
        row = row_of(self._shown, self._from.chosen, self.picture)
        if row is None:
            return
        me = self.picture.me
        wrong = why_not(me)
        if wrong or me is None:
            self.say(wrong, "warn")
            return
        self._begin(ask_of(key, row, self.picture.details.get(row.id), me))

    def action_end_silence(self) -> None:
        """Begin to ask that the silence that is chosen ends."""
        page = self.picture.silences
        if self.view != "silences" or page is None:
            return
        wrong = why_not(self.picture.me)
        found = [each for each in page.silences if each.id == self._list.chosen]
        if wrong:
            self.say(wrong, "warn")
        elif found:
            self._begin(end_silence(found[0]))

    def _begin(self, ask: Ask | Refusal) -> None:
        if isinstance(ask, Refusal):
            self.say(ask.reason, "warn")
            return
        self._ask = ask
        self._open_prompt(ask.label, ask.hint, ask.text)

    def _open_prompt(self, label: str, hint: str, text: str) -> None:
        self._bar("said", (Part(clean(label), "strong"), Part(f"  {clean(hint)}", "dim")))
        self.screen.add_class("-asking")
        self._prompt.value = text
        self._prompt.cursor_position = len(text)
        self._prompt.focus()

    def _close_prompt(self) -> None:
        self.screen.remove_class("-asking")
        (self._detail if self.screen.has_class("-reading") else self._from).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Do what the line of text was for."""
        if self._ask is not None:
            self.say("asking ...", "dim")
            self.run_worker(self._send(self._ask, event.value), name="acting")
            return
        try:
            wanted = parse(event.value, self.picture.feed.wanted)
        except ValueError as ex:
            self.say(str(ex), "bad")
            return
        self._close_prompt()
        self.say("")
        self._want(wanted)

    async def _send(self, ask: Ask, text: str) -> None:
        """Ask for it. Until it is known that it was heard, the line of text stays."""
        try:
            found = await self._acting.run(lambda: ask.send(self._backend, text))
        except (ValueError, Refused) as ex:
            self.say(str(ex), "bad")
            return
        except Away as ex:
            self.say(f"nothing was asked: {ex}", "bad")
            return
        if self._ask is ask and self.screen.has_class("-asking"):
            self._close_prompt()
        request = _as_request(found)
        self.picture.ask(request)
        at = clock(request.effective_ms, self.picture.now_ms)
        self.say(f"requested: {request.what}; the flow obeys at {at} UTC", "warn")
        self._watch.look_again()
        self._draw()

    def _answered(self, found: RequestView) -> None:
        why = f": {found.answer}" if found.answer else ""
        role: Role = "bad" if found.status == "refused" else "good"
        self.say(f"{found.status}: {found.what}{why}", role)
        self._draw()

    def on_unmount(self) -> None:
        """Take up nothing more."""
        self._acting.end()


def _as_request(found: RequestView | SilenceView) -> RequestView:
    if isinstance(found, RequestView):
        return found
    return RequestView(
        id=found.id,
        kind="silence",
        what=f"{found.purpose} {', '.join(found.matchers)}",
        actor=found.actor,
        reason=found.reason,
        effective_ms=found.change_ms if found.state == "requested" else found.starts_ms,
        status="requested",
    )
