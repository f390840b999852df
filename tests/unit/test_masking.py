"""A known secret is taken out of whatever a server says, however it is written there, and the rest reads."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcf_tasks_async.masking import masked, masked_sample
from vcf_tasks_async.secret import Secret

PASSWORD = "VMw@re/1&=<'\"é"
IN_JSON = {
    "plain": json.dumps(PASSWORD, ensure_ascii=False),
    "in ASCII": json.dumps(PASSWORD),
    "with its slashes escaped": json.dumps(PASSWORD).replace("/", "\\/"),
    "as Gson has it": json.dumps(PASSWORD)
    .replace("&", "\\u0026")
    .replace("=", "\\u003d")
    .replace("<", "\\u003c"),
    "every letter escaped": '"' + "".join(f"\\u{ord(c):04x}" for c in PASSWORD) + '"',
}


@pytest.mark.parametrize("written", IN_JSON.values(), ids=IN_JSON)
@pytest.mark.parametrize("document", ['{"message": %s, "n": [1, {"a": %s}]}', "%s%.0s", '[null, "%.0s", %s]'])
def test_a_text_of_json_is_masked_however_it_is_escaped_and_json_stays_json(document, written):
    body = document % (written, written)
    shown = masked(body.encode(), [Secret(PASSWORD)])
    assert PASSWORD not in json.dumps(json.loads(shown), ensure_ascii=False)
    assert "***" in shown.decode()


IN_TEXT = {
    "plain": PASSWORD,
    "as JSON in a text": f"failed: {json.dumps({'password': PASSWORD})}",
    "as JSON in ASCII that is cut": json.dumps({"password": PASSWORD, "more": "x"})[:-5],
    "as JSON that is cut": json.dumps({"password": PASSWORD, "more": "x"}, ensure_ascii=False)[:-5],
    "in HTML": f"<p>{html.escape(PASSWORD)}</p>",
    "as JSON in HTML": f"<pre>{html.escape(json.dumps({'password': PASSWORD}))}</pre>",
    "in a URL": f"/login?password={quote(PASSWORD, safe='')}&x=1",
}


@pytest.mark.parametrize("text", IN_TEXT.values(), ids=IN_TEXT)
def test_in_what_is_no_json_it_is_masked_as_json_html_and_urls_write_it(text):
    shown = masked(text.encode(), [Secret(PASSWORD)]).decode()
    assert "***" in shown
    for form in (PASSWORD, html.escape(PASSWORD), quote(PASSWORD, safe=""), json.dumps(PASSWORD)[1:-1]):
        assert form not in shown


# --- short ones ----------------------------------------------------------------------------------

SAYS = {
    # (the secret, what the server says, what of it is shown)
    "a letter of a word": ("y", "Entity not found", "Entity not found"),
    "a syllable": ("task", "The tasks of a taskforce", "The tasks of a taskforce"),
    "by itself": ("y", "password y is wrong", "password *** is wrong"),
    "in quotes": ("y", "'y' is wrong", "'***' is wrong"),
    "behind a sign": ("root1", "password=root1;x", "password=***;x"),
    "next to an underscore": ("root1", "_root1_", "_***_"),
    "a sign": (".", "It failed. Look.", "It failed. Look."),
    "a sign by itself": ("!", "user root, password ! wrong", "user root, password *** wrong"),
    "seven letters in a word": ("passwor", "the password", "the password"),
    "eight letters in a word": ("password", "the passwords", "the ***s"),
    "a quote": ('"', "no", "no"),
    "the name of a field": ("message", "no", "no"),
}


@pytest.mark.parametrize(("secret", "says", "shown"), SAYS.values(), ids=SAYS)
def test_a_secret_too_short_to_be_a_password_is_masked_only_where_it_stands_by_itself(secret, says, shown):
    as_json = masked(json.dumps({"message": says}).encode(), [Secret(secret)])
    assert json.loads(as_json) == {"message": shown}
    if '"' not in secret:
        assert masked(f"<{says}>".encode(), [Secret(secret)]).decode() == f"<{shown}>"


# --- edges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b'{"a": 1.50}', b'{"a": NaN}', b"[" * 5000, b"null"])
@pytest.mark.parametrize("secrets", [[], [Secret("")], [Secret("not there at all")]])
def test_what_holds_none_stays_as_it_is_to_the_byte(body, secrets):
    assert masked(body, secrets) == body


def test_in_names_and_numbers_and_too_deep_for_json_it_is_masked_as_well():
    assert masked(b'{"VMw@re1!": 1}', [Secret("VMw@re1!")]) == b'{"***": 1}'
    assert masked(b'{"pin": 1234567890}', [Secret("1234567890")]) == b'{"pin": ***}'
    assert b"VMw@re123" not in masked(b"[" * 900 + b'"VMw@re123"' + b"]" * 900, [Secret("VMw@re123")])


def test_of_two_that_begin_alike_none_is_left_in_part():
    secrets = [Secret("VMw@re123"), Secret("VMw@re123-and-more")]
    assert masked(b"is VMw@re123-and-more, was VMw@re123", secrets) == b"is ***, was ***"


def test_half_a_character_is_masked_as_the_bytes_that_stand_for_it_too():
    secret = "VMw@re\udc80\ud83d1!"
    body = b"no JSON: " + secret.encode("utf-8", "surrogatepass")
    assert masked(body, [Secret(secret)]) == b"no JSON: ***"


@given(st.text(min_size=8), st.text(), st.text())
def test_no_text_round_it_keeps_it_from_being_masked(secret, before, after):
    body = json.dumps([before + secret + after]).encode()
    (shown,) = json.loads(masked(body, [Secret(secret)]))
    assert secret not in shown or set(secret) <= {"*"}


# --- samples -------------------------------------------------------------------------------------

LONG = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3NjQwMDAwMDB9.signature"


@pytest.mark.parametrize(
    ("sample", "shown"),
    [
        (f"Bearer {LONG}", "Bearer ***"),
        (f"Bearer {LONG[:40]}…", "Bearer ***…"),
        (f"Bearer {LONG[:8]}…", "Bearer ***…"),
        (f"Bearer {LONG[:7]}…", f"Bearer {LONG[:7]}…"),
        (f"Bearer {LONG[:40]}", f"Bearer {LONG[:40]}"),
        ("Bearer zzzzzzzzzz…", "Bearer ***…"),
        ("nothing of it…", "nothing of it…"),
        ("", ""),
    ],
)
def test_a_sample_shows_no_secret_and_no_beginning_of_one_at_its_cut(sample, shown):
    assert masked_sample(sample, [Secret("other"), Secret(LONG), Secret("z" * 12), Secret("")]) == shown


def test_a_sample_is_searched_for_what_is_shown_of_a_secret():
    assert masked_sample("says pass word\\x1b!", [Secret("pass \n word\x1b!")]) == "says ***"
