"""Takes names, addresses, secrets and free text out of raw JSON, and leaves its shape and relations.

Works on raw JSON alone: no model, no network. What is not known to be SDDC Manager's own is replaced: a text
keeps the words of `fixed_words` and loses all others. The same name gets the same stand-in everywhere, by a
keyed hash, so that nobody can try names out. How one word is judged is `stand_ins`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from vcf_tasks_async.fixed_words import FIXED_WORDS
from vcf_tasks_async.secret import MASK
from vcf_tasks_async.stand_ins import StandIns

# Texts that were seen before cost one look-up; beyond so many, the next ones begin anew.
_REMEMBERED: Final = 50_000
# One as long as it is a float, too.
_LARGEST_FRACTION: Final = 1e300


class Scrubber:
    """Scrubs one document after another, consistently.

    Args:
        keep_names: leave the names and addresses that stand in fields for them, there and in texts. Other
            words of texts that are not known are replaced all the same: any of them may be a password.
        keep_ids: leave UUIDs as they are, and with *keep_names* other ids too; otherwise each becomes another
            one, the same everywhere.
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
        self._stand_ins = StandIns(
            keep_names=keep_names, keep_ids=keep_ids, shift=shift, keep_words=keep_words, key=key
        )
        # By how they begin: one expression of thousands of them would take longer than all else.
        self._secrets: dict[str, list[str]] = {}
        self._remembered: dict[tuple[str, str], str] = {}
        self._fields: dict[tuple[str, str], tuple[str, str]] = {}

    @property
    def counts(self) -> dict[str, int]:
        """How many different ``names``, ``addresses`` and ``ids`` were replaced so far."""
        return self._stand_ins.counts

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Take these texts out wherever they stand, inside of other texts as well.

        Those of fewer than eight characters stand by chance in texts, and are known by their fields alone:
        VMware's products take no such passwords.
        """
        for secret in secrets:
            alike = self._secrets.setdefault(secret[:_SHORTEST], []) if len(secret) >= _SHORTEST else [secret]
            if secret not in alike:
                alike.append(secret)
                # The longest first: one may begin as another does.
                alike.sort(key=len, reverse=True)
                self._remembered.clear()
                self._fields.clear()

    def scrub(self, document: Any) -> Any:
        """*document* (whatever JSON may be) without what is to be hidden; a copy."""
        if self._keep_names:
            for name in _names_in(document, "text"):
                self._stand_ins.learn(name)
        return self._value(document, "text")

    def _value(self, value: Any, kind: str) -> Any:
        if isinstance(value, str):
            return self._text(value, kind)
        if isinstance(value, dict):
            fields = self._fields
            shown = {}
            for key, item in value.items():
                name, inner = fields.get((kind, key)) or self._field(kind, key)
                shown[name] = self._value(item, inner)
            return shown
        if isinstance(value, list):
            return [self._value(item, kind) for item in value]
        if value is None or isinstance(value, bool):
            return value
        if kind == "secret":
            return 0
        return self._stand_ins.whole(value) if isinstance(value, int) else self._fraction(value)

    def _fraction(self, value: float) -> float:
        if not abs(value) < _LARGEST_FRACTION:
            return value
        shown = self._stand_ins.whole(int(value))
        return value if shown == int(value) else float(shown)

    def _field(self, parent: str, key: str) -> tuple[str, str]:
        """What *key* is called, and of what kind that is which stands under it."""
        if len(self._fields) >= _REMEMBERED:
            self._fields.clear()
        made = self._fields[parent, key] = (self._text(key, "text"), _kind(key, parent))
        return made

    def _text(self, text: str, kind: str) -> str:
        if kind == "secret":
            return MASK if text else text
        shown = self._remembered.get((kind, text))
        if shown is None:
            # Hardly one of them comes twice.
            shown = self._stand_ins.of_form(text)
            if shown is not None and text not in self._secrets.get(text[:_SHORTEST], ()):
                return shown
            shown = self._document(text, kind) or self._of_kind(self._without_secrets(text), kind)
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[kind, text] = shown
        return shown

    def _document(self, text: str, kind: str) -> str | None:
        """*text* scrubbed as the JSON that it is; None where it is none."""
        if text[:1] not in ("{", "[") or text[-1:] not in ("}", "]"):
            return None
        try:
            return json.dumps(self._value(json.loads(text), kind), ensure_ascii=False)
        except (ValueError, RecursionError):
            return None

    def _of_kind(self, text: str, kind: str) -> str:
        if kind == "code":
            return self._stand_ins.code(text)
        if kind == "name":
            return self._stand_ins.name(text)
        if kind == "id":
            return self._stand_ins.identity(text)
        return self._stand_ins.text(text)

    def _without_known(self, text: str) -> str:
        secrets = self._secrets
        starts = [at for at in range(len(text) - _SHORTEST + 1) if text[at : at + _SHORTEST] in secrets]
        shown, end = "", 0
        for at in starts:
            for secret in secrets[text[at : at + _SHORTEST]]:
                if at >= end and text.startswith(secret, at):
                    shown, end = f"{shown}{text[end:at]}{MASK}", at + len(secret)
        return shown + text[end:]

    def _without_secrets(self, text: str) -> str:
        text = self._without_known(text)
        if not _HINT.search(text):
            return text
        for pattern, shown in _MARKED:
            text = pattern.sub(shown, text)
        for pattern in _SAID:
            text = pattern.sub(_unless_a_word, text)
        return text


_SHORTEST: Final = 8
# What a field is about, by its name: letters and digits alone, in lower case.
_SECRET_FIELD: Final = re.compile(
    "pass(?:w|phrase|code|key)|pwd|secret|token|(?:api|private|license|encryption)key|authorization|cookie"
    "|credentialvalue|^(?:pass|pin|otp|psk)$"
)
_CODES: Final = frozenset((
    "status", "rawstatus", "type", "errorcode", "errortype", "resolutionstatus", "entitytype",
    "credentialtype", "resourcetype", "accounttype", "operationtype", "severity", "messagekey", "component",
    "bundle", "action", "product",
))  # fmt: skip
_NAMES: Final = frozenset((
    "fqdn", "hostname", "host", "username", "user", "resourcename", "domainname", "clustername", "vmname",
    "datacentername", "sans", "ip", "ipaddress", "address", "owner", "email", "customer", "company",
    "tenant",
))  # fmt: skip


@lru_cache(maxsize=4096)
def _kind(key: str, parent: str) -> str:
    """What stands under *key*; *parent* is the kind of what it stands in: ``resources`` name by `name`."""
    plain = re.sub(r"[^a-z0-9]", "", key.lower())
    if plain == "referencetoken":
        return "id"
    if parent == "secret" or _SECRET_FIELD.search(plain):
        return "secret"
    if plain in _CODES:
        return "code"
    if plain in _NAMES or (plain == "name" and parent == "resource"):
        return "name"
    if plain == "resources":
        return "resource"
    return "id" if plain == "id" or key.endswith(("Id", "Ids", "_id", "ID", "uuid")) else "text"


def _names_in(value: Any, kind: str) -> Iterator[str]:
    """What stands in fields for names, anywhere in *value*."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _names_in(item, _kind(key, kind))
    elif isinstance(value, list):
        for item in value:
            yield from _names_in(item, kind)
    elif kind == "name" and isinstance(value, str):
        yield value


# --- secrets that something beside them gives away -----------------------------------------------------

# Every repetition has an end: a text of a megabyte that almost matches must not take minutes.
_NAMED: Final = (
    r"(?:pass(?:w|phrase|code)|secret|token|api[_-]?key|private[_-]?key|license[_-]?key|pwd)[\w.-]{0,40}"
)
_VALUE: Final = r"""(?:\\*"(?:[^"\\]|\\[^"])*\\*"?|'[^']*'?|[^\s,;)}\]<>"']+)"""
_WHO: Final = r"(?:log(?:ged|ging)?[ -]?[io]n|user(?:[ -]?name)?|account|credentials?|authenticat\w{1,4})"


def _patterns(*patterns: str) -> list[re.Pattern[str]]:
    return [re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns]


# Without one of these, none of the patterns below finds anything.
_HINT: Final = re.compile(
    r"pass|secret|token|key|pwd|pin|-----BEGIN|eyJ|bearer|basic|digest|negotiate|[/:]|[A-Z0-9]{5}-",
    re.IGNORECASE,
)
_MARKED: Final = [
    (pattern, shown)
    for shown, patterns in {
        MASK: (
            r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)",
            r"\beyJ[\w-]{5,}(?:\.[\w-]*)*",
            r"\b[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}\b",
        ),
        rf"\1{MASK}": (
            r"(\b(?:bearer|basic|digest|negotiate|token|apikey)\s+)(?=\S{0,80}[\d=])[\w+/=.~-]{6,}",
            rf"(<[^<>]{{0,200}}{_NAMED}[^<>]{{0,200}}>)[^<]+",
            rf"(-{_NAMED}(?:=|\s+)){_VALUE}",
            rf"""({_NAMED}\\*["']?\s*(?:=>?|:)\s*){_VALUE}""",
        ),
        rf"\1{MASK}@": (r"(\w://)\S{1,256}@", r"(\b[\w.-]{1,64}:)(?!//)[^\s@]{1,128}@(?=[\w\[])"),
    }.items()
    for pattern in _patterns(*patterns)
]
# `the password hunter2 is wrong`, `login root/VMware1! failed`, `admin:VMware1!`.
_SAID: Final = _patterns(
    rf"""((?:{_NAMED}|\bkey|\bpin)\s+(?:(?:is|was|to)\s+)?)({_VALUE})""",
    rf"""(\b{_WHO}\s+(?:(?:as|with|for|of|by|user|account)\s+){{0,3}}[^\s/:]{{1,80}}\s?[/:]\s?)({_VALUE})""",
    rf"""(\b(?:root|admin|administrator(?:@vsphere\.local)?)[/:])({_VALUE})""",
)


def _unless_a_word(found: re.Match[str]) -> str:
    """`the password is hunter2`, but `the password is wrong`."""
    word = found[2].lower().strip(".:!?\"'")
    is_one = word in FIXED_WORDS or word.startswith(MASK) or not any(map(str.isalnum, word))
    return found[0] if is_one else f"{found[1]}{MASK}"
