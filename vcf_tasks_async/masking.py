"""Takes known secrets out of what a server said, and leaves the rest readable.

What is a secret by the name of its field is `text.without_secrets`'s; here the secret itself is known.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote

from vcf_tasks_async.codec import parse_json
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.secret import MASK, Secret
from vcf_tasks_async.text import inert

# VMware's products take no password of fewer characters. What is shorter stands in words that mean something
# else, and is masked only where it stands by itself: `Entity` does not tell that the password is `y`.
_SHORT: Final = 8


def masked(body: bytes, secrets: Iterable[Secret]) -> bytes:
    """*body* with ``***`` in place of each of *secrets*, plain or as JSON, HTML and URLs write it.

    JSON stays JSON: its texts are masked, however they are escaped.

    Example:
        >>> masked(b'{"message": "VMw\\\\u0040re1! is wrong"}', [Secret("VMw@re1!")])
        b'{"message": "*** is wrong"}'
    """
    texts = [text for secret in secrets if (text := secret.reveal())]
    if not texts:
        return body
    as_json = _masked_json(body, _mask(texts))
    if as_json is not None:
        # What is left of it stands in a name, or is no text.
        body, texts = as_json, [text for text in texts if len(text) >= _SHORT]
    return _mask(texts)(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def masked_sample(sample: str, secrets: Iterable[Secret]) -> str:
    """*sample*, a piece that `inert` has made of an answer, without *secrets*, nor the beginning of one.

    Example:
        >>> masked_sample("Bearer eyJ0eXAiOi…", [Secret("eyJ0eXAiOiJKV1QiLCJhbGciOi.e30.x")])
        'Bearer ***…'
    """
    for secret in secrets:
        text = inert(secret.reveal())
        sample = _mask([text] if text else [])(sample)
        head = sample.removesuffix("…")
        if head == sample:
            continue
        for size in range(min(len(text), len(head)), _SHORT - 1, -1):
            if head.endswith(text[:size]):
                sample = f"{head[:-size]}{MASK}…"
                break
    return sample


def _masked_json(body: bytes, hide: Callable[[str], str]) -> bytes | None:
    """*body* with its texts as *hide* has them; None when it is no JSON, or nested too deep for this."""
    try:
        document = parse_json(body)
        changed = _changed(document, hide)
        return body if changed == document else json.dumps(changed).encode()
    except (DecodeError, RecursionError):
        return None


def _changed(value: Any, hide: Callable[[str], str]) -> Any:
    """*value*, a document, with each text in it as *hide* has it."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list):
        return [_changed(item, hide) for item in value]
    if isinstance(value, dict):
        return {key: _changed(item, hide) for key, item in value.items()}
    return value


def _mask(texts: list[str]) -> Callable[[str], str]:
    """What puts ``***`` in place of *texts*."""
    shapes = {shape: text for text in texts for shape in _shapes(text)}
    # The longest first: one may begin as another does.
    choices = "|".join(_choice(shape, shapes[shape]) for shape in sorted(shapes, key=len, reverse=True))
    if not choices:
        return str
    pattern = re.compile(choices)
    return lambda line: pattern.sub(MASK, line)


def _choice(shape: str, text: str) -> str:
    escaped = re.escape(shape)
    return escaped if len(text) >= _SHORT else rf"(?<![^\W_]){escaped}(?![^\W_])"


def _shapes(text: str) -> set[str]:
    """*text* as it may be written."""
    plain = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    shapes = plain | {html.escape(shape) for shape in plain} | {quote(text, safe="", errors="surrogatepass")}
    # Lone surrogates, in the bytes of what is no JSON.
    return shapes | {
        shape.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape") for shape in shapes
    }
