"""What a channel that was away is still to hear: each incident as it stands, not its history."""

from collections.abc import Sequence

import msgspec

from schema import Notice


class Backlog(msgspec.Struct, frozen=True):
    """What becomes of the notices that wait for a channel."""

    send: tuple[Notice, ...]  # in order; of each incident at most one
    dropped: tuple[tuple[str, str], ...]  # notice id -> why it is not sent
    digest: tuple[str, ...] = ()  # incidents to be told of in one message, first


def settle_backlog(
    waiting: Sequence[Notice],
    delivered: frozenset[str],
    limit: int,
    perhaps: frozenset[str] = frozenset(),
) -> Backlog:
    """Settle what waits for one channel, in the order in which it was decided.

    `delivered` names the incidents that the channel holds a message of, `perhaps` those of which it
    may hold one. Of each incident the newest word is sent: as a trigger where it is the first that
    gets through, and not at all where it is that of the end and the channel certainly holds none.
    If more than `limit` would be new to the channel, they come as a digest, and so does what is new
    while a digest waits.

    >>> rows = [Notice("a", 1, "page", "trigger", "transition:1", 0, ""),
    ...         Notice("a", 2, "page", "resolve", "transition:2", 9, "")]
    >>> settle_backlog(rows, frozenset(), 9).send
    ()
    >>> [notice.kind for notice in settle_backlog(rows, frozenset({"a"}), 9).send]
    ['resolve']
    >>> [notice.kind for notice in settle_backlog(rows, frozenset(), 9, frozenset({"a"})).send]
    ['resolve']
    """
    newest = {notice.incident or notice.id: notice for notice in waiting}
    dropped: list[tuple[str, str]] = []
    send: list[Notice] = []
    for notice in waiting:
        name = notice.incident or notice.id
        if newest[name] is not notice:
            dropped.append((notice.id, f"overtaken by {newest[name].cause} while it waited"))
        elif not notice.incident or notice.incident in delivered or notice.kind == "trigger":
            send.append(notice)
        elif notice.kind == "resolve" and notice.incident in perhaps:
            send.append(notice)  # else what it holds would stand open for ever
        elif notice.kind == "resolve":
            dropped.append((notice.id, "over before the channel could be told of it"))
        else:
            send.append(msgspec.structs.replace(notice, kind="trigger"))
    new = [each for each in send if each.kind == "trigger" and each.incident not in delivered]
    digests = [each for each in send if each.kind == "digest"]
    if len(new) <= limit and (not digests or len(digests) + len(new) == 1):
        return Backlog(tuple(send), tuple(dropped))
    names = [name for each in digests for name in each.about] + [each.incident for each in new]
    told = {each.id for each in (*digests, *new)}
    dropped += [(each.id, "it waited for long: told in a digest") for each in (*digests, *new)]
    return Backlog(
        tuple(each for each in send if each.id not in told),
        tuple(dropped),
        tuple(dict.fromkeys(names)),
    )
