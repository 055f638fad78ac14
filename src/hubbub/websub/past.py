"""What the log has of a topic of others that is not in its state, because the process was killed in between.

An event is in the log before the state says so. What is kept of a topic names the position up to which
its events are counted; those beyond it are few, and the last of them is what its subscribers have.
"""

from __future__ import annotations

from typing import Final

from hubbub.core.contracts import Log
from hubbub.core.errors import Gap, InvalidPosition
from hubbub.core.position import Position
from hubbub.core.selection import Selection
from hubbub.websub import fetching
from hubbub.websub.fetching import Topic

LIMIT: Final = 100
"""Events of one read: of one topic there is one, or as many as the process was killed in a row."""


def head(log: Log) -> str:
    """Return the position of the newest event there is."""
    return str(Position(log.epoch, log.head))


async def recall(log: Log, topic: Topic) -> None:
    """Put into a topic what the log has of it beyond its state. Raises `Unavailable`.

    The publisher is then asked for all of it: what it had when the state was written may be back.
    """
    known = topic.sent or fetching.id_of(topic, topic.version, topic.hash)
    sent = await _ids(log, topic)
    if known in sent:
        sent = sent[sent.index(known) + 1 :]
    if sent:
        topic.version += len(sent)
        topic.sent = sent[-1]
        topic.etag = topic.modified = ""
    topic.head = head(log)


async def _ids(log: Log, topic: Topic) -> list[str]:
    """Return the ids of the events that the topic's own position does not cover, oldest first."""
    selection = Selection.of((fetching.log_topic(topic.url),))
    after, end = _begin(log, topic.head), log.head
    found: list[str] = []
    while after < end:
        try:
            page = await log.read(after, LIMIT, selection)
        except Gap:  # the log was trimmed just now
            after = max(after, log.tail - 1)
            continue
        for record in page.records:
            values = record.attributes()
            if (values["source"], record.type) == (topic.url, fetching.TYPE):
                found.append(str(values["id"]))
        after = page.next
    return found


def _begin(log: Log, position: str) -> int:
    """Return where to read from; all that is kept where the position is of another past, or none."""
    first = log.tail - 1
    try:
        epoch, offset = Position.parse(position)
    except InvalidPosition:
        return first
    return max(offset, first) if epoch == log.epoch else first
