"""Things put into groups, pair by pair."""

from collections.abc import Iterable


class Groups:
    """Things that belong together, found pair by pair."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        """Return what stands for all that the thing belongs to."""
        parent = self._parent
        while (above := parent.setdefault(name, name)) != name:
            parent[name] = name = parent[above]
        return name

    def names(self) -> list[str]:
        """Return all things, in the order in which they were first named."""
        return list(self._parent)

    def join(self, a: str, b: str) -> None:
        """Say that two things belong together."""
        self._parent[self.root(b)] = self.root(a)

    def join_all(self, a: str, others: Iterable[str | None]) -> None:
        """Say that several things belong to one; None is nothing."""
        for other in others:
            if other is not None:
                self.join(a, other)
