"""Takes names, addresses, secrets and free text out of raw JSON, and leaves its shape and relations.

Works on raw JSON alone: no model, no network. What is not known to be SDDC Manager's own is replaced: a text
keeps the words of `fixed_words` and loses all others. The same name gets the same stand-in everywhere, by a
keyed hash, so that no table grows and nobody can try names out. How one word is judged is `stand_ins`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from vcf_tasks_async.fixed_words import FIXED_WORDS
from vcf_tasks_async.stand_ins import StandIns, words

MASK: Final = "***"
# Texts that were seen before cost one look-up; beyond so many, the next ones begin anew.
_REMEMBERED: Final = 50_000


class Scrubber:
    """Scrubs one document after another, consistently.

    Args:
        keep_names: leave names and texts as they are, and take out only what is secret.
        keep_ids: leave UUIDs as they are; otherwise each becomes another one, the same everywhere.
        shift: by how much all times are moved; whole seconds.
        keep_words: further words that may stay, such as a product's name.
        key: makes the stand-ins; the same key gives the same ones. None draws one at random.

    Example:
        >>> scrubber = Scrubber(key=b"1")
        >>> scrubber.scrub({"fqdn": "sfo01-esx07.rainpole.io", "status": "Failed", "password": "VMw@re1!"})
        {'fqdn': 'name-dfqq3gf8.name-qp4d4pjz.example', 'status': 'Failed', 'password': '***'}
    """

    def __init__(
        self,
        *,
        keep_names: bool = False,
        keep_ids: bool = False,
        shift: timedelta = timedelta(),
        keep_words: Iterable[str] = (),
        key: bytes | None = None,
    ) -> None:
        self._keep_names = keep_names
        self._stand_ins = StandIns(keep_ids=keep_ids, shift=shift, keep_words=keep_words, key=key)
        self._secrets: re.Pattern[str] | None = None
        self._known: set[str] = set()
        self._remembered: dict[tuple[str, str], str] = {}

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Take these texts out wherever they stand, inside of other texts as well.

        Those of fewer than four characters stand by chance in texts, and are known by their fields alone.
        """
        fresh = {secret for secret in secrets if len(secret) >= _SHORTEST} - self._known
        if fresh:
            self._known |= fresh
            longest_first = sorted(self._known, key=len, reverse=True)
            self._secrets = re.compile("|".join(map(re.escape, longest_first)))
            self._remembered.clear()

    def scrub(self, document: Any) -> Any:
        """*document* (whatever JSON may be) without what is to be hidden; a copy."""
        return self._value(document, "text")

    def _value(self, value: Any, kind: str) -> Any:
        if isinstance(value, str):
            return self._text(value, kind)
        if isinstance(value, Mapping):
            return {
                self._text(key, "key"): self._value(item, _kind(key, kind)) for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._value(item, kind) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value, kind)
        return value

    def _number(self, value: float, kind: str) -> float:
        if kind == "secret":
            return 0
        if isinstance(value, int):
            return self._stand_ins.whole(value, invent=not self._keep_names)
        return value

    def _text(self, text: str, kind: str) -> str:
        if kind == "secret":
            return MASK if text else text
        remembered = self._remembered.get((kind, text))
        if remembered is not None:
            return remembered
        shown = self._without_secrets(text)
        shown = self._stand_ins.only_ids_and_times(shown) if self._keep_names else self._of_kind(shown, kind)
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[kind, text] = shown
        return shown

    def _of_kind(self, text: str, kind: str) -> str:
        if kind == "code":
            return self._stand_ins.code(text)
        if kind == "name":
            return self._stand_ins.name(text)
        if kind == "id":
            return self._stand_ins.identity(text)
        if kind == "reference":
            return self._stand_ins.reference(text)
        return self._stand_ins.text(text)

    def _without_secrets(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        for pattern, shown in _MARKED:
            text = pattern.sub(shown, text)
        return _SAID.sub(_unless_a_word, text)


_SHORTEST: Final = 4
# What a field is about, by its name: letters and digits alone, in lower case.
_SECRET_FIELD: Final = re.compile(
    "passw|passphrase|secret|token|apikey|privatekey|licensekey|authorization|cookie|credentialvalue"
)
_CODES: Final = words(
    "status rawstatus type errorcode errortype resolutionstatus entitytype credentialtype resourcetype"
    " accounttype operationtype severity messagekey component bundle action product"
)
_NAMES: Final = words(
    "fqdn hostname host username user resourcename domainname clustername vmname datacentername sans ip"
    " ipaddress address owner email customer company tenant"
)


@lru_cache(maxsize=4096)
def _kind(key: str, parent: str) -> str:
    """What stands under *key*; *parent* is the kind of what it stands in: ``resources`` name by `name`."""
    plain = re.sub(r"[^a-z0-9]", "", key.lower())
    if parent == "secret" or (_SECRET_FIELD.search(plain) and plain != "referencetoken"):
        return "secret"
    if plain == "referencetoken":
        return "reference"
    if plain in _CODES:
        return "code"
    if plain in _NAMES or (plain == "name" and parent == "resource"):
        return "name"
    if plain == "resources":
        return "resource"
    return "id" if plain == "id" or key.endswith(("Id", "Ids", "_id", "ID", "uuid")) else "text"


def _unless_a_word(found: re.Match[str]) -> str:
    """`the password is hunter2`, but `the password is wrong`."""
    return found[0] if found[2].lower().strip(".!?") in FIXED_WORDS else f"{found[1]}{MASK}"


def _marked() -> list[tuple[re.Pattern[str], str]]:
    """Secrets that something beside them gives away, and what is left in their place."""
    named = r"[\w.-]*(?:passw|passphrase|secret|token|api[_-]?key|private[_-]?key|pwd)[\w.-]*"
    value = r"""(?:\\*"(?:[^"\\]|\\[^"])*\\*"?|'[^']*'?|[^\s,;)}\]<>"']+)"""
    return [
        (re.compile(pattern, re.IGNORECASE | re.DOTALL), shown)
        for pattern, shown in (
            (r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", MASK),
            (r"\beyJ[\w-]{5,}(?:\.[\w-]*)*", MASK),
            (r"(\b(?:bearer|basic|digest|negotiate|token|apikey)\s+)(?=\S*[\d=])[\w+/=.~-]{6,}", r"\1***"),
            (r"(\w://)[^/\s@]+@", r"\1***@"),
            (rf"(<[^<>]*(?:{named})[^<>]*>)[^<]+", r"\1***"),
            (rf"(--?{named}(?:=|\s+)){value}", r"\1***"),
            (rf"""({named}\\*["']?\s*(?:=>?|:)\s*){value}""", r"\1***"),
            (r"\b[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}\b", MASK),
        )
    ]


_MARKED: Final = _marked()
_SAID: Final = re.compile(
    r"""((?:passw\w*|passphrase|secret|token|key)\s+(?:is|was|to)\s+["']?)([^\s,;)}\]<>"']+)""", re.IGNORECASE
)
