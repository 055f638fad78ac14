"""What reading a document may cost, counted in steps and not in seconds: the same document, the same entries.

A step is about 4 us. So a document of up to a megabyte takes 0.8 seconds at the most and a larger one as
much for each of its megabytes, whatever is in it. The feeds that people have take a half of that or less:
a podcast with 1,000 episodes 0.3 seconds a megabyte, 50 long posts 0.2 seconds.
"""

from __future__ import annotations

from typing import Final

SMALL: Final = 200_000
"""Steps that every document has: those of 1,000 short entries, as many as are kept."""
CHARACTERS: Final = 5
"""Characters of a larger document that give it one more: those of a feed take a tenth of a step each."""
PARSING: Final = 0.65
"""Part of all steps that parsing may take, so that what was parsed can be made entries of."""

ELEMENT: Final = 18
"""Steps of an element: most are 10, those that link or have content 25."""
INLINE: Final = 8
"""Steps of an element of XHTML in an entry."""
END: Final = 2
"""Steps of the end of one, perhaps of none."""
ATTRIBUTE: Final = 1
PIECE: Final = 1
"""Steps of a piece of text, of which there may be one for each character."""

ENTRY: Final = 30
"""Steps of an entry that becomes an event, besides its HTML."""
TAG: Final = 7
"""Steps of cleaning a tag of HTML, besides its attributes."""
VALUE: Final = 5
"""Steps of cleaning an attribute: addresses are resolved, styles are read."""
ENTITY: Final = 2
LISTED: Final = 4
"""Steps of an attachment, author or tag of a JSON Feed."""


class Effort:
    """The steps that one document has left."""

    def __init__(self, size: int) -> None:
        """`size` is in characters or bytes."""
        self.left = max(SMALL, size // CHARACTERS)
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
