"""Whatever a server sends, a person sees one harmless line."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vcf_tasks_async.text import inert, without_secrets

# Moves a cursor, hides or turns text, breaks a line, or is no character at all.
ACTIVE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def active_in(text: str) -> list[str]:
    return [hex(ord(c)) for c in text if unicodedata.category(c) in ACTIVE]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Köln — 東京 😀", "Köln — 東京 😀"),
        ("  a \t b\r\nc\v\fd  ", "a b c d"),
        ("", ""),
        ("\x1b[2J\x1b[31mred", "\\x1b[2J\\x1b[31mred"),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\", "\\x1b]8;;https://evil\\x1b\\link\\x1b]8;;\\x1b\\"),
        ("\x1b]52;c;aGVsbG8=\x07", "\\x1b]52;c;aGVsbG8=\\x07"),
        ("\x9b31m\x85x", "\\x9b31m\\x85x"),
        ("a\x00b\x7fc\x08", "a\\x00b\\x7fc\\x08"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "\\u2066a\\u2069\\u200e\\u200f\\u061c"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("pay\u200bpal\ufeff\u2060\u00ad", "pay\\u200bpal\\ufeff\\u2060\\xad"),
        ("\ud800x\udfff", "\\ud800x\\udfff"),
        ("\U000e0041\U000e007f", "\\U000e0041\\U000e007f"),
    ],
    ids=[
        "plain",
        "any script",
        "white space",
        "empty",
        "colours",
        "OSC 8",
        "OSC 52",
        "C1",
        "NUL, DEL, BS",
        "right to left",
        "bidi isolates",
        "line separators",
        "invisible",
        "surrogates",
        "tags",
    ],
)
def test_hostile_text_becomes_inert(text, shown):
    assert inert(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "a\U000e0101\U000e01ef",
        "a\u180b\u180f",
        "\U0001d173\U0001d17a",
        "\u0600\u06dd",
        "\U0001bca0",
        "\U000110bd",
    ],
    ids=[
        "variation selectors supplement",
        "Mongolian selectors",
        "musical formats",
        "Arabic number signs",
        "shorthand formats",
        "Kaithi number sign",
    ],
)
def test_no_character_hides_in_what_is_shown(text):
    # A byte can be hidden in each variation selector: text that no one sees and a machine still reads.
    assert inert(text).replace("a", "").isascii()


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Ll"])))
@example("\u0600")
def test_the_result_is_one_line_without_active_characters(text):
    line = inert(text)
    assert active_in(line) == []
    assert len(line.splitlines()) <= 1
    line.encode()


@given(st.text(st.characters(exclude_categories=["Cf"])), st.none() | st.integers(1, 40))
def test_what_is_inert_stays_as_it_is(text, limit):
    line = inert(text, limit=limit)
    assert inert(line, limit=limit) == line


@given(st.text(), st.integers(1, 30))
def test_a_limit_is_kept_and_a_cut_is_shown(text, limit):
    line, whole = inert(text, limit=limit), inert(text)
    assert len(line) <= limit
    if line != whole:
        assert line.endswith("…")
        assert whole.startswith(line[:-1]) or len(text) > 4 * limit


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("a long story", 7, "a long…"),
        ("a long story", 6, "a lon…"),
        ("abc de", 3, "ab…"),
        ("abc  ", 3, "abc"),
        ("exactly", 7, "exactly"),
        ("", 1, ""),
        ("ab", 1, "…"),
        ("\x1b\x1b", 7, "\\x1b\\x…"),
    ],
)
def test_a_limit_by_example(text, limit, shown):
    assert inert(text, limit=limit) == shown


def test_a_long_run_of_blanks_does_not_hide_what_follows():
    assert inert(" " * 1000 + "the message", limit=40) == "the message"


def test_megabytes_cost_next_to_nothing_where_a_few_characters_are_shown():
    # Scanning all of it would take seconds; this many calls then would not end in time.
    text = "\x1b" * 4_000_000
    assert all(inert(text, limit=20) for _ in range(2_000))


# --- secrets that JSON names ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password": "a"}', '{"password": ***}'),
        ('{"oldPassword":"a","newPassword":"b","c":"d"}', '{"oldPassword":***,"newPassword":***,"c":"d"}'),
        ('{"NEW_PASSWORD" : "a"}', '{"NEW_PASSWORD" : ***}'),
        ('{"accessToken": "a.b.c", "apiKey": 5}', '{"accessToken": ***, "apiKey": ***}'),
        (r'{"password": "a\"b\\", "user": "c"}', '{"password": ***, "user": "c"}'),
        ('{"password": "cut', '{"password": ***'),
        ('{"password": "cut\\', '{"password": ***'),
        ('{"password": 12345, "user": "c"}', '{"password": ***, "user": "c"}'),
        ('{"password": "two\nlines"}', '{"password": ***}'),
        ('{"referenceToken": "REF123"}', '{"referenceToken": "REF123"}'),
        ("The password: must be longer", "The password: must be longer"),
        ('{"password"', '{"password"'),
        ("", ""),
    ],
)  # fmt: skip
def test_what_json_names_as_secret_is_not_shown(text, shown):
    assert without_secrets(text) == shown


@pytest.mark.parametrize("text", ['"password":"' * 20_000, '"' * 100_000, '"password": ' + "\\" * 100_000])
def test_looking_for_secrets_takes_no_longer_for_a_hostile_text(text):
    began = time.perf_counter()
    without_secrets(text)
    assert time.perf_counter() - began < 1
