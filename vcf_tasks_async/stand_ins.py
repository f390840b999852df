"""Judges texts word by word: what is SDDC Manager's own stays, what may be a name gets its stand-in.

Whatever is not known to be harmless is replaced: an unknown word may be a name as well as a password. The
stand-in is made of the word by a keyed hash, in the shape that it had: a host name, an address, an id.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from vcf_tasks_async.fixed_words import FIXED_WORDS
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.secret import MASK

# No vowels: no stand-in reads as a word.
_LETTERS: Final = "bcdfghjkmnpqrstvwxz23456789"
# What every SDDC Manager has.
_WELL_KNOWN: Final = frozenset({"root", "admin", "administrator", "localhost"})
_WELL_KNOWN_DOMAIN: Final = "vsphere.local"
# 198.18.0.0/15 and 2001:db8::/32: networks that are nobody's.
_NETWORK: Final = int(ipaddress.IPv4Address("198.18.0.0"))
_HOSTS: Final = 2**17
_NETWORK_6: Final = int(ipaddress.IPv6Address("2001:db8::"))
# Whole numbers up to here are counts and sizes; times are between 2000 and 2100, in milliseconds.
_LARGEST_COUNT: Final = 999_999
_EPOCH_MS: Final = range(946_684_800_000, 4_102_444_800_000)


class StandIns:
    """The stand-ins of one snapshot. See `scrubbing.Scrubber` for the arguments."""

    def __init__(
        self,
        *,
        keep_names: bool,
        keep_ids: bool,
        shift: timedelta,
        keep_words: Iterable[str],
        key: bytes | None,
    ) -> None:
        self._keep_names = keep_names
        self._keep_ids = keep_ids
        self._shift = timedelta(seconds=round(shift.total_seconds()))
        self._words = FIXED_WORDS | {word.lower() for word in keep_words}
        self._key = secrets.token_bytes(32) if key is None else key
        self._addresses: dict[str, str] = {}
        self._taken: set[int] = set()
        # With `keep_names`: what fields for names have said.
        self._known: set[str] = set()
        self._made: defaultdict[str, IdSet] = defaultdict(IdSet)

    @property
    def counts(self) -> dict[str, int]:
        """How many different names, addresses and ids have a stand-in."""
        kinds = {"names": ("name", "path"), "addresses": ("address",), "ids": ("uuid", "id", "fingerprint")}
        return {title: sum(len(self._made[kind]) for kind in each) for title, each in kinds.items()}

    def learn(self, name: str) -> None:
        """Let *name*, which stands in a field for names, stay in texts too."""
        lower = name.lower()
        if lower not in self._known and not re.search(r"\s", name):
            self._known.add(lower)
            host, _, domain = lower.partition(".")
            # The short name of a host, and its domain for the hosts that are named in texts alone.
            if _DOTTED.fullmatch(domain):
                self._known |= {host, domain}

    # --- whole texts ----------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """Free text: fixed words, punctuation and small numbers stay."""
        return _TOKEN.sub(self._token, text)

    def code(self, text: str) -> str:
        """A status, a type, an error code: stays in its entirety when it looks like one."""
        # `com.vmware.vcf.domainmanager`, `HOST_COMMISSION.DESCRIPTION`: here, dots make no host name.
        parts = text.split(".")
        is_one = all(self._is_fixed(part) or self._is_code(part) for part in parts) and not _QUAD.search(text)
        return text if is_one else self.text(text)

    def name(self, text: str) -> str:
        """What is a name by its place, also when it is made of fixed words alone."""
        if re.search(r"\s", text):
            return self.text(text)
        return text if self._keep_names else self._token_of(text, self._label)

    def identity(self, text: str) -> str:
        """The id of something. What is no UUID becomes one word, so that it still goes into a path."""
        if _UUID.fullmatch(text):
            return self._uuid(text)
        # It may be made of names.
        stays = not text or (self._keep_ids and self._keep_names)
        return text if stays else f"id-{self._letters('id', text, 12)}"

    def of_form(self, text: str) -> str | None:
        """What all of *text* becomes where it is a time or a UUID, as most texts are; else None."""
        if _TIME.fullmatch(text):
            return self._time(text)
        return self._uuid(text) if _UUID.fullmatch(text) else None

    def whole(self, number: int) -> int:
        """A count stays, a time is moved, any other long number becomes one as long."""
        if number in _EPOCH_MS:
            return number + round(self._shift.total_seconds() * 1000)
        if abs(number) <= _LARGEST_COUNT:
            return number
        digits = len(str(abs(number)))
        lowest: int = 10 ** (digits - 1)
        made = self._number("number", str(number)) % (9 * lowest) + lowest
        return made if number > 0 else -made

    # --- one word -------------------------------------------------------------------------------------

    def _token(self, found: re.Match[str]) -> str:
        token = found[0]
        if not (inner := token.strip(_AROUND)) or inner.lower() in self._words:
            return token
        start = token.index(inner)
        if re.search(r"\d\.\*", token):  # 10.0.0.*: three parts would pass for a version
            return self._label(token)
        return f"{token[:start]}{self._token_of(inner, self._word)}{token[start + len(inner) :]}"

    def _token_of(self, token: str, otherwise: Callable[[str], str]) -> str:
        """One word; *otherwise* says what becomes of it when its shape tells nothing."""
        if token == MASK or self._is_known(token):
            return token
        for pattern, made in (
            (_UUID, self._uuid),
            (_TIME, self._time),
            (_FINGERPRINT, self._fingerprint),
            (_URL, self._url),
        ):
            if pattern.fullmatch(token):
                return made(token)
        if (address := self._address(token)) is not None:
            return address
        if "@" in token:
            person, _, place = token.rpartition("@")
            host, colon, port = place.partition(":")
            # `Admin@123` is nobody's address.
            if not _HOST.fullmatch(host):
                return self._label(token)
            return (
                f"{self._label(person)}@{self._address(host) or self._domain(host)}{self._port(colon, port)}"
            )
        return self._host_or(token, otherwise)

    def _is_known(self, token: str) -> bool:
        """Whether names stay, and this is one by what fields for names have said."""
        if not self._known:
            return False
        lower = token.lower()
        return lower in self._known or re.split("[.@]", lower, maxsplit=1)[-1] in self._known

    def _host_or(self, token: str, otherwise: Callable[[str], str]) -> str:
        """A dotted name, with a port or without; anything else is *otherwise*'s."""
        if _NUMBER.fullmatch(token) or _CLASS.fullmatch(token):
            return token
        name, colon, port = token.partition(":")
        if not _DOTTED.fullmatch(name) or not (port.isdecimal() or not colon):
            return otherwise(token)
        return self._domain(name) + self._port(colon, port)

    def _domain(self, name: str) -> str:
        if name.lower() == _WELL_KNOWN_DOMAIN or self._is_known(name):
            return name
        *labels, top = name.split(".")
        return ".".join([*map(self._label, labels), "example"]) if labels else self._label(top)

    def _word(self, word: str) -> str:
        """A word of a text: a path, an assignment or DOMAIN\\user part by part, anything else as one."""
        if self._is_fixed(word):
            return word
        parts = _BETWEEN.split(word)
        if len(parts) == 1:
            return self._part(word)
        return "".join(
            part if _BETWEEN.fullmatch(part) else self._token_of(part, self._part) for part in parts
        )

    def _part(self, part: str) -> str:
        """Kept when all that it is joined of is fixed, and it is no address."""
        pieces = _JOINTS.split(part)
        fixed = all(self._is_fixed(piece) for piece in pieces) and not _QUAD.search(part)
        return part if fixed and not _like_a_password(part) else self._label(part)

    def _is_fixed(self, word: str) -> bool:
        lower = word.lower()
        if lower in self._words or not word or _NUMBER.fullmatch(word):
            return True
        humps = _HUMPS.findall(word)
        if "".join(humps) != word or len(humps) < 2:
            return False
        # `HostVibValidationAction`: a step's name is a class of SDDC Manager's, whatever it is made of.
        of_words = humps[:-1] if humps[-1].isdecimal() else humps
        if len(of_words) > 2 and of_words[-1] in _CLASS_ENDS:
            return True
        return all(hump.lower() in self._words for hump in humps)

    def _is_code(self, text: str) -> bool:
        """Capitals joined by underscores, one of them a fixed word: the others may be of a new release."""
        parts = text.split("_")
        known = any(part.lower() in self._words for part in parts)
        return known and len(parts) > 1 and bool(_CODE.fullmatch(text))

    def _label(self, label: str) -> str:
        lower = label.lower()
        if lower in _WELL_KNOWN or lower in self._known or label in ("", MASK):
            return label
        return f"name-{self._letters('name', lower, 8)}"

    # --- shapes ---------------------------------------------------------------------------------------

    def _uuid(self, text: str) -> str:
        if self._keep_ids:
            return text
        made = str(UUID(bytes=self._digest("uuid", text.lower())[:16], version=4))
        return made.upper() if text.isupper() else made

    def _time(self, text: str) -> str:
        if not self._shift:
            return text
        try:
            moved = datetime.fromisoformat(text[:19]) + self._shift
        except (ValueError, OverflowError):
            return text
        return f"{moved.isoformat()[:19]}{text[19:]}"

    def _fingerprint(self, text: str) -> str:
        """As long, of the same alphabet, with its colons and its `SHA256:` in place."""
        head, colon, rest = text.rpartition("SHA256:")
        hexadecimal = self._digest("fingerprint", rest.lower()).hex() * (len(rest) // 64 + 1)
        made = iter(hexadecimal.upper() if rest.isupper() else hexadecimal)
        return head + colon + "".join(c if c in ":-" else next(made) for c in rest)

    def _url(self, text: str) -> str:
        scheme, _, rest = text.partition("://")
        host, slash, path = rest.partition("/")
        shown = self._token_of(host, self._label) if host else host
        kept_path = slash and "/" + (self._letters("path", path, 8) if path else "")
        kept_scheme = scheme if scheme.lower() in _SCHEMES else "x"
        return f"{kept_scheme}://{shown}{kept_path}"

    def _address(self, text: str) -> str | None:
        """An IP address, with its prefix or port; None for what is none."""
        if not text[:1].isdecimal() and text.count(":") < 2:
            return None
        bare, mark, rest = text.strip("[]"), "", ""
        if text.count(":") < 2:
            mark = next((character for character in text if character in ":/"), "")
            bare, _, rest = text.partition(mark) if mark else (text, "", "")
        elif "/" in text:
            bare, mark, rest = text.partition("/")
        try:
            found = ipaddress.ip_address(bare)
        except ValueError:
            return None
        if self._keep_names or found.is_loopback or found.is_unspecified:
            return text if rest.isdecimal() or not rest else None
        shown = self._ipv4(bare) if found.version == 4 else self._ipv6(found.compressed)
        return shown + self._port(mark, rest)

    def _port(self, mark: str, rest: str) -> str:
        if rest.isdecimal() and len(rest) <= 5:
            return mark + rest
        return mark + (self._label(rest) if rest else "")

    def _ipv4(self, text: str) -> str:
        made = self._addresses.get(text)
        if made is None:
            at = self._number("address", text) % _HOSTS
            while at in self._taken and len(self._taken) < _HOSTS:
                at = (at + 1) % _HOSTS
            self._taken.add(at)
            made = self._addresses[text] = str(ipaddress.IPv4Address(_NETWORK + at))
        return made

    def _ipv6(self, text: str) -> str:
        return str(ipaddress.IPv6Address(_NETWORK_6 + self._number("address", text) % 2**64))

    # --- the hash -------------------------------------------------------------------------------------

    def _digest(self, kind: str, text: str) -> bytes:
        made = hmac.digest(self._key, f"{kind}\0{text}".encode("utf-8", "surrogatepass"), "sha256")
        self._made[kind].add(made.hex())
        return made

    def _number(self, kind: str, text: str) -> int:
        return int.from_bytes(self._digest(kind, text), "big")

    def _letters(self, kind: str, text: str, length: int) -> str:
        number, made = self._number(kind, text), ""
        for _ in range(length):
            number, at = divmod(number, len(_LETTERS))
            made += _LETTERS[at]
        return made


def _like_a_password(word: str) -> bool:
    """`Admin#1` and `Password-1`, though they are made of fixed words; not `host-1`, not `VLAN_100`."""
    letters = re.sub("[^a-zA-Z]", "", word)
    mixed = bool(letters) and not (letters.islower() or letters.isupper())
    return any(map(str.isdigit, word)) and (mixed or bool(letters and _ODD.search(word)))


_TOKEN: Final = re.compile(r"[^\s,;()\[\]{}<>\"'`|]+")
_AROUND: Final = ".:!?=+*&#/\\-_~^%$@"
_UUID: Final = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_FINGERPRINT: Final = re.compile(
    r"(?:SHA256:)?(?:[0-9a-fA-F]{2}[:-]){5,}[0-9a-fA-F]{2}|SHA256:[A-Za-z0-9+/=]{20,}|[0-9a-fA-F]{32,}",
    re.ASCII,
)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
_SCHEMES: Final = frozenset((
    "http", "https", "sftp", "ftp", "ssh", "ldap", "ldaps", "nfs", "tcp", "udp", "file", "smb", "scp",
    "jdbc",
))  # fmt: skip
_DOTTED: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+")
# What may stand behind an @; a number alone is no host.
_HOST: Final = re.compile(r"(?!\d+$)[\w-]+(?:\.[\w-]+)*")
# 412, 3.1, 9.0.1, 50%: four of them with dots would be an address.
_NUMBER: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,2}%?", re.ASCII)
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*", re.ASCII)
# An exception of Java's: `com.jcraft.jsch.JSchException`.
_CLASS: Final = re.compile(
    r"(?:com|org|net|io|java|javax|jakarta|sun)(?:\.[a-z]+\d?)+\.[A-Z][A-Za-z]*"
    r"(?:Exception|Error|Fault|Failure|Unavailable|NotFound|InvalidArgument|Unauthorized|Unauthenticated)",
    re.ASCII,
)
_HUMPS: Final = re.compile(r"[A-Z]{2,}s?(?![a-z])|[A-Z]?[a-z]+|[A-Z]|\d{1,3}", re.ASCII)
_CLASS_ENDS: Final = frozenset((
    "Action", "Task", "Step", "Stage", "Workflow", "Validator", "Validation", "Plugin", "Contract",
    "Processor",
))  # fmt: skip
# These stand between names, and those inside of one.
_BETWEEN: Final = re.compile(r"([/=:\\&+]+)")
_JOINTS: Final = re.compile(r"[-_.*@#]+")
_QUAD: Final = re.compile(r"\d[._-]\d+[._-]\d+[._-]\d")
# What stands in passwords and not in names.
_ODD: Final = re.compile(r"[!@#$%^*~]")
