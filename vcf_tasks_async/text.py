"""Makes text from the server harmless before a person, a log or a page sees it.

The one sanitiser of the house. Models keep what came, to the letter; whatever leaves for a
terminal, a log line, an error message or HTML goes through `inert` first.
"""

from __future__ import annotations

import re

# C0 and DEL, C1, bidi marks and overrides, line and paragraph separators, zero-width and invisible
# characters, interlinear annotations, BOM, tags, lone surrogates: all that moves a cursor, hides text
# or turns it round.
_ACTIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_SPACE = re.compile(r"[ \t\r\n\v\f]+")


def inert(text: str, *, limit: int | None = None) -> str:
    """*text* as one harmless line: white space folded, every active character written as an escape.

    Args:
        text: anything a server sent.
        limit: characters to keep at most; a cut is shown as ``…``.

    Example:
        >>> inert("red \\x1b[31malert\\r\\nline two")
        'red \\\\x1b[31malert line two'
        >>> inert("a long story", limit=7)
        'a long…'
    """
    if limit is not None:
        # A megabyte of text is not scanned for the sake of the hundred characters that are shown.
        text, cut = text[: 4 * limit], len(text) > 4 * limit
    else:
        cut = False
    line = _ACTIVE.sub(_escape, _SPACE.sub(" ", text).strip())
    if limit is not None and (cut or len(line) > limit):
        line = line[: limit - 1].rstrip() + "…"
    return line


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode("ascii")
