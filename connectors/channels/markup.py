"""Plain text as Markdown and as Jira's wiki: names from outside stay names."""

import re

# what means something at the beginning of a line alone changes looks at most, and stays as it is
_MARKDOWN = str.maketrans({char: "\\" + char for char in "\\`*_[]<>|~"})
_WIKI = str.maketrans({char: "\\" + char for char in "\\{}[]*_!|~^"})
_GAP = "\u200b"  # of no width
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_NUMBER = re.compile(r"(#|GH-)(?=\d)")


def markdown(text: str) -> str:
    r"""Return text that Markdown shows as it is.

    >>> markdown("a_b <c>")
    'a\\_b \\<c\\>'
    """
    return text.translate(_MARKDOWN)


def github_markdown(text: str) -> str:
    r"""Return text that GitHub shows as it is: no mention, no issue's number, and no link.

    >>> github_markdown("https://x and www.y")
    'https\\://x and www\\.y'
    """
    shown = markdown(text.replace("&", "&amp;"))
    shown = shown.replace("://", "\\://").replace("www.", "www\\.")
    return _NUMBER.sub(rf"\1{_GAP}", _MENTION.sub("@" + _GAP, shown))


def wiki(text: str) -> str:
    r"""Return text that Jira's wiki markup shows as it is.

    >>> wiki("[~oncall] {code}")
    '\\[\\~oncall\\] \\{code\\}'
    """
    return text.translate(_WIKI)
