"""Which SDDC Manager, and who we are: options, environment, profile, and what belongs together."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.core import ParameterSource

import vcf_tasks_async as v
from vcf_tasks_async.cli import passwords
from vcf_tasks_async.cli.connection import Connection
from vcf_tasks_async.cli.layers import layers_of, merged
from vcf_tasks_async.cli.listing import list_tasks
from vcf_tasks_async.cli.profiles import Config, config_path, read_config

_WRONG = {"url": "a b", "username": "me", "password": "x"}
SFO = {"url": "sfo-vcf01.rainpole.io", "username": "svc", "password_command": ["pass"], "ca_file": "ca.pem"}


def config(tmp_path: Path, text: str, mode: int = 0o600) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(text)
    file.chmod(mode)
    return read_config(file)


def layers(options: dict[str, Any], environ: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The layers of options, those in capitals from the environment."""

    def source(name: str) -> ParameterSource:
        return ParameterSource.ENVIRONMENT if name.upper() in options else ParameterSource.COMMANDLINE

    return layers_of({name.lower(): value for name, value in options.items()}, source, environ or {})


def test_options_hold_before_the_environment_and_that_before_the_profile() -> None:
    profile = Config(Path("c"), "sfo", {"sfo": SFO})
    assert merged(layers({"username": None}), profile, None) == SFO
    keys = merged(layers({"HOST": "https://sfo-vcf01.rainpole.io", "username": "me"}), profile, None)
    assert keys == {**SFO, "url": "https://sfo-vcf01.rainpole.io", "username": "me"}
    both = layers({"host": "sfo-vcf01.rainpole.io", "USERNAME": "env"})
    assert merged(both, profile, None)["username"] == "env"


def test_what_belongs_together_is_taken_from_one_place() -> None:
    profile = Config(Path("c"), "sfo", {"sfo": SFO})
    keys = merged(layers({"password_file": "/p", "fingerprint": "ab"}, {"VCF_PASSWORD": "x"}), profile, None)
    assert "password_command" not in keys
    assert "password_env" not in keys
    assert "ca_file" not in keys
    assert (keys["password_file"], keys["fingerprint"]) == ("/p", "ab")
    assert merged(layers({"insecure": True}), profile, None)["verify"] is False
    assert merged(layers({}, {"VCF_API_KEY": "x"}), profile, None)["api_key_env"] == "VCF_API_KEY"
    assert "password_command" not in merged(layers({}, {"VCF_TOKEN": "x"}), profile, None)


def test_a_profile_that_was_not_asked_for_lends_its_password_to_no_other_host() -> None:
    profile = Config(Path("c"), "sfo", {"sfo": SFO})
    assert merged(layers({"host": "evil.example"}), profile, None) == {"url": "evil.example"}
    assert merged(layers({"HOST": "sfo-vcf01.rainpole.io.evil.example"}), profile, None).keys() == {"url"}
    assert merged(layers({"host": "10.0.0.9"}), profile, "sfo") == {**SFO, "url": "10.0.0.9"}


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        ({"password_file": "a", "keyring": True}, {}, "the options give password file and keyring"),
        ({"PASSWORD_FILE": "a"}, {"VCF_PASSWORD": "x"}, "the environment give"),
        ({"ca_file": "a", "insecure": True}, {}, "ca file and verify"),
        ({"password_command": "pass 'show"}, {}, "password command: No closing quotation"),
        ({"password_command": " "}, {}, "takes a command"),
    ],
)
def test_two_answers_to_one_question_are_refused(
    options: dict[str, Any], environ: dict[str, str], said: str
) -> None:
    with pytest.raises(v.UsageError, match=said):
        layers(options, environ)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[profile.sfo]", "profile is no key here: did you mean profiles?"),
        ('default = "x"', "no profile 'x'"),
        ("default = 1", "default takes the name"),
        ("profiles = 1", "profiles are tables"),
        ("[profiles]\nsfo = 1", "is a table of keys"),
        ('[profiles.sfo]\nusrname = "a"', r"\[profiles.sfo\] usrname is no key here: did you mean username"),
        ("[profiles.sfo]\nurl = 1", "url takes a text"),
        ('[profiles.sfo]\nverify = "no"', "verify takes true or false"),
        ('[profiles.sfo]\npassword_command = "pass"', "takes a list of texts"),
        ("[profiles.sfo]\nconcurrency = 0", "from 1 to 256"),
        ('[profiles.sfo]\npassword = "a"\nkeyring = true', "password and keyring"),
        ('[profiles.sfo]\nca_file = "a"\nverify = false', "one of ca_file"),
        ("[profiles.sfo", "is no TOML"),
        ('[profiles.sfo]\n"\\u001b[31m" = 1', r"\\x1b\[31m is no key"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_told_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(v.UsageError, match=said):
        config(tmp_path, text)


def test_a_password_in_a_file_that_others_can_read_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '[profiles.sfo]\nurl = "a"\nusername = "b"\npassword = "VMw@re1!"\n'
    assert config(tmp_path, text).profile("sfo")["url"] == "a"
    assert capsys.readouterr().err == ""
    config(tmp_path, text, 0o640)
    said = capsys.readouterr().err
    assert said.startswith("vcf-tasks: warning: ")
    assert "chmod 600" in said
    assert "VMw@re1!" not in said
    config(tmp_path, text.replace('password = "VMw@re1!"', "keyring = true"), 0o644)
    assert capsys.readouterr().err == ""


def test_the_configuration_is_where_xdg_says() -> None:
    assert config_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/vcf-tasks/config.toml")
    assert config_path({"XDG_CONFIG_HOME": "x"}) == Path("~/.config/vcf-tasks/config.toml").expanduser()
    assert config_path({"VCF_CONFIG": "/y.toml", "XDG_CONFIG_HOME": "/x"}) == Path("/y.toml")
    assert read_config(Path("/nowhere/at/all.toml")).profiles == {}


def test_a_password_comes_from_where_it_is_said_to_be(tmp_path: Path) -> None:
    def password(**keys: Any) -> Any:
        connection = Connection({"url": "sfo", "username": "me", **keys}, tmp_path, 30.0)
        return connection.session()._plan.auth.password

    # Paths in a profile are relative to it.
    (tmp_path / "password").write_text("VMw@re1!\n")
    assert password(password_file="password")() == "VMw@re1!"
    assert password(password_command=[sys.executable, "-c", "print('from a command')"])() == "from a command"
    assert password(password_env="VCF_PASSWORD") == v.EnvSecret("VCF_PASSWORD")
    assert password(password="plain") == v.Secret("plain")
    assert Connection({"ca_file": "ca.pem"}, tmp_path, 30.0).tls.ca_file == str(tmp_path / "ca.pem")
    keyed = Connection({"url": "sfo", "api_key_file": "key"}, tmp_path, 30.0).session()._plan.auth
    assert keyed == v.ApiKeyAuth(v.FileSecret(str(tmp_path / "key")))


@pytest.mark.parametrize(
    ("keys", "said"), [({}, "which SDDC Manager"), ({"url": "sfo"}, "who are you"), (_WRONG, "no address")]
)
def test_what_is_missing_is_told(keys: dict[str, str], said: str) -> None:
    with pytest.raises(v.UsageError, match=said):
        Connection(keys, Path(), 30.0).session()


def test_the_keyring_is_asked_for_this_user_at_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    class Errors:
        KeyringError = RuntimeError

    class Keyring:
        errors = Errors

        @staticmethod
        def get_password(service: str, username: str) -> str | None:
            return "found" if (service, username) == ("vcf-tasks:sfo-vcf01.rainpole.io", "me") else None

    monkeypatch.setitem(sys.modules, "keyring", Keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", Errors)
    monkeypatch.setattr(passwords, "need", lambda *_: None)
    assert passwords.from_keyring("sfo-vcf01.rainpole.io", "me")() == "found"
    with pytest.raises(v.UsageError, match=r"keyring set vcf-tasks:sfo-vcf01.rainpole.io you"):
        passwords.from_keyring("sfo-vcf01.rainpole.io", "you")()
    url = "https://sfo-vcf01.rainpole.io/"
    connection = Connection({"url": url, "username": "me", "keyring": True}, Path(), 30.0)
    password = connection.session()._plan.auth.password
    assert password() == "found"


def test_no_option_takes_a_password() -> None:
    names = json.dumps([parameter.opts for parameter in list_tasks.params])
    assert "--password-file" in names
    assert '"--password"' not in names
    assert '"--token"' not in names
    assert '"--api-key"' not in names
