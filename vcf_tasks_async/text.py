"""Makes text from the server harmless before a person, a log or a page sees it.

The one sanitiser of the house. Models keep what came, to the letter; whatever leaves for a terminal, a
log line, an error message or HTML goes through `inert` first.
"""

from __future__ import annotations

import re

# Printable by name and invisible by nature: fillers, joiners, blanks and variation selectors, in which
# text can hide that a machine still reads.
_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Only what folds in every terminal and page is folded; any other white space is shown for what it is.
_WORD = re.compile(r"[^ \t\r\n\v\f]+")


def inert(text: str, *, limit: int | None = None) -> str:
    """*text* as one harmless line: white space folded, every active or hidden character as an escape.

    Args:
        text: anything a server sent.
        limit: characters to keep at most; a cut is shown as ``…``.

    Example:
        >>> inert("red \\x1b[31malert\\r\\nline two")
        'red \\\\x1b[31malert line two'
        >>> inert("a long story", limit=7)
        'a long…'
    """
    line = " ".join(_WORD.findall(text)) if limit is None else _beginning(text, limit)
    if not line.isprintable() or _HIDDEN.search(line):
        # Python's own idea of printable covers controls, bidi marks, surrogates, tags and the unassigned.
        line = "".join([c if c.isprintable() and not _HIDDEN.match(c) else _escape(c) for c in line])
    if limit is not None and len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    return line


# A field whose name says that its value is secret, as JSON writes it, also where the text was cut.
_SECRET_FIELD = re.compile(
    r'("[^"\\]{0,40}(?:password|passphrase|secret|apikey|accesstoken|refreshtoken|idtoken)[^"\\]{0,40}"\s*:\s*)'
    r'(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^\s"\[{,}\]]+)',
    re.IGNORECASE | re.DOTALL,
)


def without_secrets(text: str) -> str:
    """*text* with ``***`` in place of passwords and tokens, where JSON in it names them so.

    Example:
        >>> without_secrets('{"username": "root", "newPassword": "VMw@re1!"}')
        '{"username": "root", "newPassword": ***}'
    """
    return _SECRET_FIELD.sub(r"\1***", text)


def _beginning(text: str, limit: int) -> str:
    """The first words of *text*, some more than *limit* characters: of a megabyte no more is looked at."""
    line = ""
    # A word of more than the limit ends the search, so that none is taken in two pieces.
    for match in re.finditer(r"[^ \t\r\n\v\f]{1,%d}" % (limit + 1), text):  # noqa: UP031 - braces
        line = f"{line} {match[0]}" if line else match[0]
        if len(line) > limit:
            break
    return line


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
