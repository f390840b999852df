"""A fleet from a TOML file: what it says is what is used, and a mistake is named with file, site and key."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import pytest
from canaries import CANARY

from vcf_tasks_async import (
    ApiKeyAuth,
    CommandSecret,
    EnvSecret,
    FileSecret,
    Fleet,
    PasswordAuth,
    Policy,
    Tls,
    UsageError,
)
from vcf_tasks_async.sitefile import read_sites

WHOLE = """
[fleet]
concurrency = 32

[defaults]
username = "svc-tasks@vsphere.local"
password_env = "VCF_PASSWORD"
ca_file = "rainpole-ca.pem"
concurrency = 4

[sites.sfo]
url = "sfo-vcf01.rainpole.io"
zone = "sfo"

[sites.lax]
url = "https://lax-vcf01.rainpole.io:8443"
username = "admin@local"
password_file = "secrets/lax"
fingerprint = "{fingerprint}"
concurrency = 2
deadline = 20
proxy = "http://proxy.rainpole.io:3128"

[sites.oak]
url = "oak-vcf01.rainpole.io"
api_key_command = ["pass", "show", "vcf/oak"]
verify = false

[sites.nyc]
url = "nyc-vcf01.rainpole.io"
verify = true
""".replace("{fingerprint}", "ab" * 32)
SITE = '[sites.sfo]\nurl = "sfo-vcf01.rainpole.io"\nusername = "a"\n'


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "sites.toml"
    file.write_text(text, "utf-8")
    return file


def test_sites_take_the_defaults_and_their_own_keys_stand_for_them(tmp_path):
    fleet = Fleet.from_toml(written(tmp_path, WHOLE))
    sfo, lax, oak, nyc = fleet.sites.values()
    assert list(fleet.sites) == ["sfo", "lax", "oak", "nyc"]
    assert sfo.auth == PasswordAuth("svc-tasks@vsphere.local", EnvSecret("VCF_PASSWORD"))
    assert (sfo.url, sfo.zone, sfo.concurrency) == ("sfo-vcf01.rainpole.io", "sfo", 4)
    assert sfo.tls == Tls(ca_file=str(tmp_path / "rainpole-ca.pem")), "paths are relative to the file"
    assert lax.auth == PasswordAuth("admin@local", FileSecret(str(tmp_path / "secrets/lax")))
    assert (lax.tls, lax.concurrency, lax.zone) == (Tls(fingerprint="ab" * 32), 2, None)
    assert lax.policy == Policy(deadline=20, attempt_timeout=20)
    assert (sfo.policy, lax.proxy) == (Policy(), "http://proxy.rainpole.io:3128")
    assert oak.auth == ApiKeyAuth(CommandSecret(("pass", "show", "vcf/oak")))
    assert oak.tls == Tls(verify=False)
    assert nyc.tls is None
    assert fleet._limiter.limit == 32
    assert Fleet.from_toml(tmp_path / "sites.toml", concurrency=5)._limiter.limit == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no sites"),
        ("[sites]", "has no sites"),
        ("sites = 3", "sites is a table"),
        ("[sites]\nsfo = 3", "sites.sfo is a table"),
        ("[sites.sfo", "is no TOML"),
        ("x = " + "[" * 2000, "is no TOML"),
        ("x = " + "9" * 5000, "is no TOML"),
        ("[site.sfo]\nurl = 'a'", "site is no key here: did you mean sites?"),
        ("[fleet]\nspeed = 3\n" + SITE, r"\[fleet\] speed is no key here"),
        (
            "[fleet]\nconcurrency = 0\n" + SITE + "password_env = 'A'",
            r"\[fleet\] concurrency takes a whole number",
        ),
        ("[defaults]\nurl = 'a'\n" + SITE, r"\[defaults\] url is no key here"),
        ("[defaults]\nusername = 3\n" + SITE, r"\[defaults\] username takes a text"),
        ("[sites.sfo]\nusername = 'a'\npassword_env = 'A'", r"\[sites.sfo\] url is missing"),
        ("[sites.'s f o']\nurl = 'a'", "'s f o' is no name for a site"),
        (SITE, r"\[sites.sfo\] password_env is missing"),
        ("[sites.sfo]\nurl = 'a'\npassword_env = 'A'", r"\[sites.sfo\] username is missing"),
        (
            SITE + "pasword_env = 'A'",
            r"\[sites.sfo\] pasword_env is no key here: did you mean password_env\?",
        ),
        (SITE + "password_env = ''", r"\[sites.sfo\] password_env takes a text that is not empty"),
        (SITE + "password_command = 'pass'", r"\[sites.sfo\] password_command takes a list of texts"),
        (SITE + "password_command = []", r"\[sites.sfo\] password_command takes a list of texts"),
        (
            SITE + "password_env = 'A'\npassword_file = 'b'",
            r"\[sites.sfo\] password_env does not go together with password_file",
        ),
        (
            SITE + "password_env = 'A'\nca_file = 'a'\nverify = false",
            "ca_file does not go together with verify",
        ),
        (SITE + "password_env = 'A'\nverify = 'no'", r"\[sites.sfo\] verify takes true or false"),
        (SITE + "password_env = 'A'\nfingerprint = 'ab'", r"\[sites.sfo\] fingerprint can't be used"),
        (
            SITE + "password_env = 'A'\nconcurrency = 'many'",
            r"\[sites.sfo\] concurrency takes a whole .* 'many'",
        ),
        (SITE + "password_env = 'A'\nconcurrency = true", r"\[sites.sfo\] concurrency takes a whole number"),
        (SITE + "password_env = 'A'\ndeadline = 0", r"\[sites.sfo\] deadline takes seconds above 0, not 0"),
        (SITE + "password_env = 'A'\nproxy = 'proxy'", r"\[sites.sfo\] proxy can't be used"),
        (
            "[sites.sfo]\nurl = 'http://sfo-vcf01.rainpole.io'\nusername = 'a'\npassword_env = 'A'",
            r"\[sites.sfo\] url can't be used: http://",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_site_and_key(tmp_path, text, words):
    with pytest.raises(UsageError, match=words) as caught:
        Fleet.from_toml(written(tmp_path, text))
    assert str(tmp_path / "sites.toml") in str(caught.value)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.toml can't be read: No such file"):
        Fleet.from_toml(tmp_path / "nowhere.toml")


def test_a_password_in_the_file_is_warned_of_when_others_can_read_it_and_never_shown(tmp_path, caplog):
    file = written(tmp_path, SITE + "password = 'VMw@re1!'")
    for mode, warned in ((0o644, True), (0o600, False)):
        file.chmod(mode)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "vcf_tasks_async"):
            fleet = Fleet.from_toml(file)
        assert ("can be read by others" in caplog.text) is warned
        assert "VMw@re1!" not in caplog.text + repr(fleet.sites) + repr(fleet.sites["sfo"].auth)
    with pytest.raises(UsageError) as caught:
        Fleet.from_toml(written(tmp_path, SITE + "password = 123456"))
    assert "123456" not in str(caught.value)


def test_secrets_are_read_where_they_are_at_each_login(tmp_path, monkeypatch):
    monkeypatch.setenv("VCF_PASSWORD", "from the environment")
    assert EnvSecret("VCF_PASSWORD")() == "from the environment"
    (tmp_path / "secret").write_text("from a file\n")
    assert FileSecret(str(tmp_path / "secret"))() == "from a file"
    assert CommandSecret((sys.executable, "-c", "print('from a command')"))() == "from a command"


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        (b"VMw@re1!", "VMw@re1!"),
        (b"VMw@re1!\n", "VMw@re1!"),
        (b"VMw@re1!\r\n", "VMw@re1!"),
        (b"VMw@re1!\n\n\n", "VMw@re1!"),
        (b" VMw@re1!\t \n", " VMw@re1!\t "),
        (b"\xef\xbb\xbfVMw@re1!\n", "VMw@re1!"),
        ("Pässwort 1\u2028\n".encode(), "Pässwort 1\u2028"),
    ],
)
def test_the_end_of_a_secrets_line_does_not_count_and_all_before_it_does(tmp_path, written, secret):
    file = tmp_path / "secret"
    file.write_bytes(written)
    assert FileSecret(str(file))() == secret
    assert CommandSecret(("cat", str(file)))() == secret


@pytest.mark.parametrize("written", [b"VMw@re1!\nuser: root\n", b"\nVMw@re1!", b"VMw@re1!\rmore", b"a\n\nb"])
def test_of_several_lines_none_is_guessed_to_be_the_secret(tmp_path, written):
    file = tmp_path / "secret"
    file.write_bytes(written)
    for source in (FileSecret(str(file)), CommandSecret(("cat", str(file)))):
        with pytest.raises(UsageError, match="several lines") as caught:
            source()
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True, limit=-1)
        assert "VMw@re1!" not in "".join(shown.format()) + repr(caught.value.__context__)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (EnvSecret("VCF_NOT_THERE"), "VCF_NOT_THERE is not set"),
        (FileSecret("/nowhere"), "/nowhere, which is to hold the secret, can't be read: No such file"),
        (FileSecret("/dev/null"), "is empty"),
        (FileSecret("a\0b"), "can't be read: no path"),
        (
            CommandSecret(("/nowhere", "VMw@re1!")),
            "command /nowhere, which is to print the secret, can't be run",
        ),
        (CommandSecret(()), "can't be run"),
        (CommandSecret(("false",)), "ended with 1"),
        (CommandSecret(("true",)), "printed nothing"),
        (CommandSecret(("printf", r"\377")), "printed no UTF-8"),
    ],
)
def test_a_secret_that_is_not_there_says_where_it_was_looked_for(source, words):
    with pytest.raises(UsageError, match=words) as caught:
        source()
    assert "VMw@re1!" not in str(caught.value)


@pytest.mark.parametrize(
    "keys", ['url = "a b"', 'url = "a"\nproxy = 5', "url = [["], ids=["url", "proxy", "no TOML"]
)
def test_an_error_shows_no_password_of_the_file_in_its_locals(tmp_path, keys):
    file = tmp_path / "sites.toml"
    file.write_text(f'[sites.sfo]\nusername = "u"\npassword = "{CANARY}-1"\n{keys}\n')
    with pytest.raises(UsageError) as caught:
        read_sites(file)
    seen = traceback.TracebackException.from_exception(caught.value, capture_locals=True, limit=-2)
    assert CANARY not in "".join(seen.format())
    assert caught.value.__context__ is None
