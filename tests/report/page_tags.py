"""What an HTML parser finds in a page."""

from html.parser import HTMLParser


class Tags(HTMLParser):
    """Every start tag with its attributes, and the text between tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.found.append((tag, held))
        if held.get("id"):
            self.ids.append(held["id"] or "")


def targets(tags: Tags) -> set[str]:
    return {held["href"][1:] for _, held in tags.found if (held.get("href") or "").startswith("#")}  # type: ignore[index]
