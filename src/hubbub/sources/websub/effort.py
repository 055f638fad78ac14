"""What reading a document may cost, counted in steps and not in seconds: the same document, the same entries.

A step is about a microsecond. So a document of up to a megabyte takes two seconds of a thread at the most,
and a larger one as much for each of its megabytes, whatever is in it. Feeds take less: 1,000 episodes of a
podcast half a second a megabyte, 1,000 short entries 0.4 seconds in all, 50 long posts 0.2; a megabyte of
XHTML with an element every 40 characters takes 1.3 seconds and is read whole. What is denser than that is
read up to there: in its order, which is the newest first nearly always.
"""

from __future__ import annotations

from typing import Final

SMALL: Final = 2_000_000
"""Steps that every document has: those of 1,000 short entries five times over."""
CHARACTER: Final = 2.0
"""Steps of a larger document for each of its characters: an episode of a podcast has 1,000 to 4,000 of
them and takes 1,200 steps."""
PARSING: Final = 0.75
"""Part of all steps that parsing may take, so that what was parsed can be made entries of."""

ELEMENT: Final = 36
"""Steps of an element of a feed."""
INLINE: Final = 24
"""Steps of an element of XHTML in an entry."""
END: Final = 12
"""Steps of the end of one, perhaps of none."""
ATTRIBUTE: Final = 4
PIECE: Final = 2
"""Steps of a piece of text, of which there may be one for each character."""
LOOSE: Final = 4
"""Steps of one where a document is not well-formed."""
SHORT: Final = 4
"""Steps of a `/>` there: it is written as two tags first."""

ENTRY: Final = 120
"""Steps of an entry that becomes an event, besides its HTML."""
TAG: Final = 18
"""Steps of cleaning a tag of HTML, besides its attributes."""
VALUE: Final = 24
"""Steps of cleaning an attribute: addresses are resolved, styles are read."""
ENTITY: Final = 6
"""Steps of an entity in HTML."""
PLAIN: Final = 5
"""Characters of HTML that a step makes plain."""
LISTED: Final = 16
"""Steps of an attachment, author or tag of a JSON Feed."""


class Effort:
    """The steps that one document has left."""

    def __init__(self, size: int) -> None:
        """`size` is in characters or bytes."""
        self.left = max(SMALL, int(size * CHARACTER))
        self.reserve = self.left - int(self.left * PARSING)
        """What parsing leaves for the entries."""

    def take(self, steps: int) -> bool:
        """Take steps; tell whether there were as many."""
        self.left -= steps
        return self.left >= 0


def of_html(text: str) -> int:
    """Return the steps of cleaning a text."""
    tags = text.count("<")
    return tags * TAG + text.count("&") * ENTITY + (text.count("=") * VALUE if tags else 0)
