"""Widgets that show lines, and write to the terminal only those that have become others."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from terminal.palette import Line, Look, plain

NOTHING: Line = ()
WHEEL = 3  # lines


class Table(NamedTuple):
    """What a list shows; a line is made when it comes into sight, so that there may be many."""

    header: Line
    keys: Sequence[str]  # of its rows, each once
    line: Callable[[int], Line]  # of a row, by its place
    empty: str = ""  # what is said where there are no rows


class Pane(ScrollView, can_focus=True):
    """Lines to read, longer than the screen if need be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False),
        Binding("home,g", "move(-1000000000)", show=False),
        Binding("end,G", "move(1000000000)", show=False),
    ]

    def __init__(self, look: Look, *, id: str) -> None:  # as Textual calls it
        super().__init__(id=id)
        self.look = look
        self._lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line], *, at_top: bool = False) -> None:
        """Show other lines, from where the reader is or from the first."""
        before, self._lines = self._lines, lines
        if len(before) != len(lines):
            self.virtual_size = Size(0, len(lines))
        if at_top and self.scroll_offset.y:
            self._scroll(0)
        top = self.scroll_offset.y
        for y in range(top, top + self.size.height):
            if _at(before, y) != _at(lines, y):
                self.refresh_line(y)

    @property
    def lines(self) -> Sequence[Line]:
        """What it shows, in sight or not."""
        return self._lines

    def render_line(self, y: int) -> Strip:
        """Return a line in sight."""
        return self.look.strip(_at(self._lines, y + self.scroll_offset.y), self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines it would like to show."""
        return len(self._lines)

    def action_move(self, by: int) -> None:
        """Go some lines up or down."""
        self.scroll_to(
            y=max(0, self.scroll_offset.y + by), animate=False, force=True, immediate=True
        )

    def action_page(self, by: int) -> None:
        """Go some screens up or down."""
        self.action_move(by * max(1, self.size.height - 1))

    def _scroll(self, y: int) -> None:
        self.scroll_to(y=y, animate=False, force=True, immediate=True)


class Bar(Pane, can_focus=False):
    """Lines that always stand."""


class Listing(Pane):
    """A list with a heading and a row that is chosen, which stays chosen as others come and go."""

    class Chosen(Message):
        """Another row is chosen; None: there are none."""

        def __init__(self, listing: "Listing", key: str | None) -> None:
            super().__init__()
            self.listing = listing
            self.key = key

    class Opened(Message):
        """Enter, or a click on the row that is chosen."""

        def __init__(self, listing: "Listing", key: str) -> None:
            super().__init__()
            self.listing = listing
            self.key = key

    class Ending(Message):
        """The last rows are in sight: if there are more, they are wanted."""

        def __init__(self, listing: "Listing") -> None:
            super().__init__()
            self.listing = listing

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", show=False)]

    def __init__(self, look: Look, *, id: str) -> None:  # as Textual calls it
        super().__init__(look, id=id)
        self._table = Table(NOTHING, (), lambda _: NOTHING)
        self._drawn: dict[int, tuple[Line, bool]] = {}  # by place on the screen
        self._cursor = 0
        self.is_used = False  # whether keys go by its row, which is marked then

    def use(self, used: bool) -> None:
        """Mark the row that is chosen, or mark it no longer."""
        if used != self.is_used:
            self.is_used = used
            self.refresh_line(self._cursor + 1)

    def show_table(self, table: Table, *, at_top: bool = False) -> None:
        """Show other rows. What was chosen stays so if it is there, else what is in its place."""
        before = self.chosen
        place = self._place_of(before, table.keys)
        moved, self._cursor = place - self._cursor, 0 if at_top else place
        self._table = table
        height = len(table.keys) + 1
        if self.virtual_size.height != height:
            self.virtual_size = Size(0, height)
        if at_top:
            self._scroll(0)
        elif moved and self.scroll_offset.y:  # rows came in above what is being read
            self.scroll_to(
                y=self.scroll_offset.y + moved, animate=False, force=True, immediate=True
            )
        self._follow()
        for y in range(self.size.height):
            if self._drawn.get(y) != self._content(y):
                self.refresh_line(y + self.scroll_offset.y)
        if self.chosen != before:
            self.post_message(self.Chosen(self, self.chosen))

    @property
    def table(self) -> Table:
        """What it shows."""
        return self._table

    @property
    def chosen(self) -> str | None:
        """The key of the row that is chosen."""
        keys = self._table.keys
        return keys[self._cursor] if 0 <= self._cursor < len(keys) else None

    @property
    def cursor(self) -> int:
        """Its place."""
        return self._cursor

    def choose(self, key: str) -> bool:
        """Choose a row, if it is there."""
        if key not in self._table.keys:
            return False
        self._go(list(self._table.keys).index(key))
        return True

    def render_line(self, y: int) -> Strip:
        """Return a line in sight."""
        line, chosen = self._drawn[y] = self._content(y)
        return self.look.strip(line, self.size.width, chosen=chosen)

    def on_resize(self) -> None:
        """Forget what was drawn."""
        self._drawn.clear()
        self._follow()

    def action_move(self, by: int) -> None:
        """Choose the row so many further."""
        self._go(self._cursor + by)

    def action_open(self) -> None:
        """Open the row that is chosen."""
        if self.chosen is not None:
            self.post_message(self.Opened(self, self.chosen))

    def on_click(self, event: events.Click) -> None:
        """Choose the row under the mouse; open it if it is chosen."""
        place = self._row(event.y)
        if place is None:
            return
        if place == self._cursor:
            self.action_open()
        self._go(place)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Go down with the wheel."""
        event.stop()
        self.action_move(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Go up with the wheel."""
        event.stop()
        self.action_move(-WHEEL)

    def _go(self, place: int) -> None:
        last = len(self._table.keys) - 1
        place = max(0, min(place, last))
        if place == self._cursor or last < 0:
            return
        before, self._cursor = self._cursor, place
        self._follow()
        for row in (before, place):
            self.refresh_line(row + 1)
        self.post_message(self.Chosen(self, self.chosen))
        if place >= last - 2 * self.size.height:
            self.post_message(self.Ending(self))

    def _follow(self) -> None:
        """Have the row that is chosen in sight."""
        rows = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        wanted = min(max(top, self._cursor - rows + 1), self._cursor)
        if wanted != top:
            self._scroll(wanted)

    def _row(self, y: int) -> int | None:
        """Return the place of the row at a height of the screen; the heading stays at the top."""
        place = y - 1 + self.scroll_offset.y
        return place if y > 0 and place < len(self._table.keys) else None

    def _content(self, y: int) -> tuple[Line, bool]:
        if y == 0:
            return self._table.header, False
        place = self._row(y)
        if place is None:
            said = self._table.empty if y == 2 and not self._table.keys else ""
            return plain(said, "dim") if said else NOTHING, False
        return self._table.line(place), self.is_used and place == self._cursor

    def _place_of(self, key: str | None, keys: Sequence[str]) -> int:
        if key is not None:
            try:
                return keys.index(key)
            except ValueError:
                pass
        return max(0, min(self._cursor, len(keys) - 1))


def _at(lines: Sequence[Line], place: int) -> Line:
    return lines[place] if 0 <= place < len(lines) else NOTHING
