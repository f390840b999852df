"""Where an SDDC Manager is: a host or a URL, never a password, never plain http by accident; and task ids."""

from __future__ import annotations

import ssl
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcf_tasks_async.address import Tls, checked_id, make_context, parse_address, task_path
from vcf_tasks_async.errors import UsageError

CANARY = "cAnArY-7f3a"


@pytest.mark.parametrize(
    ("url", "base", "name"),
    [
        ("sfo-vcf01.rainpole.io", "https://sfo-vcf01.rainpole.io", "sfo-vcf01.rainpole.io"),
        ("SFO-VCF01.Rainpole.IO", "https://sfo-vcf01.rainpole.io", "sfo-vcf01.rainpole.io"),
        ("  sfo-vcf01  ", "https://sfo-vcf01", "sfo-vcf01"),
        ("https://sfo-vcf01/", "https://sfo-vcf01", "sfo-vcf01"),
        ("HTTPS://sfo-vcf01", "https://sfo-vcf01", "sfo-vcf01"),
        ("sfo-vcf01:8443", "https://sfo-vcf01:8443", "sfo-vcf01:8443"),
        ("https://sfo-vcf01:8443/vcf/", "https://sfo-vcf01:8443/vcf", "sfo-vcf01:8443"),
        ("10.0.0.4", "https://10.0.0.4", "10.0.0.4"),
        ("[fd00::4]:8443", "https://[fd00::4]:8443", "[fd00::4]:8443"),
        ("https://[fd00::4]", "https://[fd00::4]", "[fd00::4]"),
        ("http://localhost:8080", "http://localhost:8080", "localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://127.8.8.8", "http://127.8.8.8", "127.8.8.8"),
        ("http://[::1]:80", "http://[::1]:80", None),
    ],
)
def test_a_host_name_or_a_url(url, base, name):
    address = parse_address(url)
    assert address.base == base
    assert name is None or address.name == name


def test_the_usual_port_is_not_shown():
    assert parse_address("https://sfo-vcf01:443").name == "sfo-vcf01"
    assert parse_address("http://localhost:80").name == "localhost"


@pytest.mark.parametrize(
    "url",
    [
        "http://sfo-vcf01",
        "http://10.0.0.4",
        "http://localhost.evil.io",
        "http://127.0.0.1.evil.io",
        "http://[fd00::1]",
        "http://0.0.0.0",
        "http://[::]",
        "http://128.0.0.1",
        "http://2130706433",
        "http://127.1",
        "http://0x7f000001",
    ],
)
def test_plain_http_to_another_machine_needs_to_be_allowed(url):
    with pytest.raises(UsageError, match="allow_http=True"):
        parse_address(url)
    assert parse_address(url, allow_http=True).base == url


@pytest.mark.parametrize(
    "url",
    [
        f"https://admin:{CANARY}@sfo-vcf01",
        f"admin:{CANARY}@sfo-vcf01",
        f"https://{CANARY}@sfo-vcf01",
        f"https://admin:{CANARY}@@sfo-vcf01",
        f"https://admin:x@{CANARY}@sfo-vcf01",
        f"https://admin:{CANARY}@",
        f"https://admin:{CANARY}/x@sfo-vcf01",
        f"https://:{CANARY}@sfo-vcf01",
        f"//admin:{CANARY}@sfo-vcf01",
        f"ftp://admin:{CANARY}@sfo-vcf01",
        f"https://admin:{CANARY}@sfo-vcf01:99999",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_shown(url):
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/tasks", "/vcf/v1/tokens"])
def test_a_url_of_the_api_itself_is_told_apart_from_its_address(path):
    with pytest.raises(UsageError, match="give the address without /v1"):
        parse_address(f"https://sfo-vcf01{path}")
    assert parse_address("https://sfo-vcf01/v10").base == "https://sfo-vcf01/v10"


JUNK = [
    "",
    "   ",
    None,
    5,
    b"sfo-vcf01",
    "https://",
    "https:///v1",
    "://",
    "ftp://sfo-vcf01",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "sfo vcf01",
    "sfo\x00vcf01",
    "sfo-vcf01:port",
    "sfo-vcf01:99999",
    "sfo-vcf01:-1",
    "sfo-vcf01:８４４３",
    "::1",
    "[::1",
    "[zz::1]",
    "https://sfo-vcf01?x=1",
    "https://sfo-vcf01#x",
    "https://sfo-vcf01/a b",
    "https://sfo-vcf01/../x",
    "https://sfo-vcf01/.",
    "https://sfo-vcf01/%2e%2e",
    "münchen.de",
    "sfo-vcf01\u202e",
    "\ud800",
    "-sfo",
    ".sfo",
    "a" * 300,
    "....",
    "sfo..io",
    "https://sfo-vcf01;x",
]


@pytest.mark.parametrize("url", JUNK, ids=lambda u: ascii(u)[:30])
def test_what_is_no_address_is_refused_with_an_example(url):
    with pytest.raises(UsageError, match="such as https://sfo-vcf01") as caught:
        parse_address(url)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@given(st.text() | st.from_regex(r"(https?://)?[a-z0-9.@:\[\]/?#%-]{0,20}"))
def test_any_text_is_an_address_or_a_usage_error(url):
    try:
        shown = parse_address(url).base
    except UsageError as error:
        shown = str(error)
    else:
        assert shown.startswith(("https://", "http://"))
        assert shown.isascii()
        assert "@" not in shown
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)


# --- task ids -------------------------------------------------------------------------------------

HOSTILE_IDS = [
    "",
    " ",
    ".",
    "..",
    "../users",
    "..\\users",
    "a/b",
    "/v1/users",
    "a/../b",
    "%2e%2e",
    "..%2fusers",
    "a%2fb",
    "a?x=1",
    "a#x",
    "a;x",
    "a b",
    "a\tb",
    "a\nb",
    "a\r\nHost: evil",
    "a\n",
    "\x00",
    "a\x00",
    "a&b",
    "a=b",
    "a+b",
    "a,b",
    "a*",
    "a'b",
    'a"b',
    "<a>",
    "{id}",
    "a@b",
    "a|b",
    "a`b`",
    "$(a)",
    "é",
    "ａ",
    "١",
    "\u202e",
    "\u200b",
    "\ud800",
    "😀",
    "\x1b[31m",
    "a" * 129,
    "x" * 10_000,
]


@pytest.mark.parametrize("task_id", HOSTILE_IDS, ids=lambda t: ascii(t[:20]))
def test_a_hostile_task_id_is_refused_in_one_harmless_line(task_id):
    for use in (checked_id, task_path):
        with pytest.raises(UsageError, match="is no task id") as caught:
            use(task_id)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("task_id", [None, 5, True, b"a", ["a"], object()], ids=lambda t: type(t).__name__)
def test_what_is_no_text_is_no_task_id(task_id):
    with pytest.raises(UsageError, match=r"a task id is a text \(Task\.id\)"):
        checked_id(task_id)


@pytest.mark.parametrize("word", ["history"])
def test_a_word_that_means_another_operation_is_no_task_id(word):
    # DELETE /v1/tasks/history deletes the histories of tasks (9.1): no cancellation may ever lead there.
    with pytest.raises(UsageError):
        task_path(word)


@pytest.mark.parametrize(
    "task_id", ["16ab8935-805b-4edf-aace-72c98134f667", "a", "A.b_c:d-e", "...", "a..b", "0", "a" * 128]
)
def test_a_good_task_id_goes_into_the_path_as_one_segment(task_id):
    path = task_path(task_id)
    assert path.startswith("/v1/tasks/")
    assert path.count("/") == 3
    assert path.removeprefix("/v1/tasks/").replace("%3A", ":") == task_id


@given(st.text())
def test_any_text_is_one_path_segment_or_a_usage_error(task_id):
    try:
        path = task_path(task_id)
    except UsageError:
        return
    assert path.count("/") == 3
    assert path.isascii()


# --- TLS ------------------------------------------------------------------------------------------

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    "text",
    [DIGEST, DIGEST.upper(), ":".join(["AB"] * 32), f"sha256:{DIGEST}", f"SHA256:{DIGEST}", f" {DIGEST} "],
    ids=repr,
)
def test_a_fingerprint_in_any_writing(text):
    assert Tls(fingerprint=text) == Tls(fingerprint=DIGEST)
    assert Tls(fingerprint=text).fingerprint == DIGEST


@pytest.mark.parametrize(
    "text", ["", "ab", "zz" * 32, DIGEST + "ab", "ab" * 20, 5, b"ab" * 32, "ａｂ" * 32], ids=ascii
)
def test_what_is_no_fingerprint_is_refused_with_how_to_get_one(text):
    with pytest.raises(UsageError, match="openssl x509 -fingerprint -sha256"):
        Tls(fingerprint=text)


@pytest.mark.parametrize(
    "choice",
    [
        {"ca_file": "ca.pem", "verify": False},
        {"fingerprint": DIGEST, "verify": False},
        {"ca_file": "ca.pem", "fingerprint": DIGEST},
    ],
    ids=str,
)
def test_tls_takes_one_choice(choice):
    with pytest.raises(UsageError, match="one of"):
        Tls(**choice)


def test_a_ca_file_that_is_none_is_a_usage_error_that_names_it(tmp_path):
    empty, junk = tmp_path / "empty.pem", tmp_path / "junk.pem"
    empty.touch()
    junk.write_text("-----BEGIN CERTIFICATE-----\njunk\n-----END CERTIFICATE-----\n")
    for path in (str(tmp_path / "missing.pem"), str(tmp_path), str(empty), str(junk)):
        with pytest.raises(UsageError) as caught:
            make_context(Tls(ca_file=path))
        assert path in str(caught.value)


def test_without_a_choice_certificates_and_host_names_are_verified():
    context = make_context(Tls())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
