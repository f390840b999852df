"""`vcf-tasks trust` of a certificate that an enemy made: its texts stay text, on a terminal and in a pipe."""

from __future__ import annotations

import datetime as dt
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from socket import create_server

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from launcher import Launcher
from test_hostile_text import FORBIDDEN, OURS, SEQUENCES

#: A window title, a colour, the clipboard, C1, a line that erases itself, markup, text turned round, a line.
_EVIL = "\x1b]0;own\x07\x1b[31m\x1b]52;c;eA==\x07\x9b31m\x1b[2K\r[red]x[/red]\u202e\u2066\x7f\u2028\n!"
#: A host name has ASCII alone.
_EVIL_HOST = "\x1b]0;own\x07\x1b[31m\r\n[red]x[/red].rainpole.io"


def _certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    texts = [
        x509.NameAttribute(NameOID.COMMON_NAME, _EVIL),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"O{_EVIL}"),
    ]
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(texts))
        .issuer_name(x509.Name(texts))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_EVIL_HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "evil.pem"
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A host that shows it, and says no more."""
    context = _certificate(tmp_path_factory.mktemp("evil"))
    with create_server(("127.0.0.1", 0)) as listening:
        number = listening.getsockname()[1]

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with (
                        suppress(OSError),
                        connection,
                        context.wrap_socket(connection, server_side=True) as tls,
                    ):
                        tls.recv(1)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield f"127.0.0.1:{number}"
        listening.shutdown(2)
    serving.join(5)


def test_its_texts_are_shown_and_do_nothing(launcher: Launcher, host: str, tmp_path: Path) -> None:
    launcher.environment = {"VCF_CONFIG": str(tmp_path / "config.toml")}
    ended = launcher.run("trust", host)
    for label in ("for", "from", "names"):
        [line] = [line for line in ended.out.splitlines() if line.startswith(f"{label:<9}")]
        assert "\\x1b]0;own\\x07" in line
        assert "[red]x[/red]" in line
    assert "\\u202e" in ended.out
    assert not FORBIDDEN.search(ended.out)
    assert len(ended.out.splitlines()) == 7

    record = launcher.run("trust", host, "--json").out
    assert not re.search(r"[^\n\x20-\x7e]", record)
    told = json.loads(record)
    assert not any(FORBIDDEN.search(text) for text in (told["subject"], told["issuer"], *told["names"]))

    shown = launcher.on_terminal("trust", host, columns=200, answers={"[y/N]": "n\n"})
    bare = SEQUENCES.sub(b"", shown.raw).decode()
    assert not FORBIDDEN.search(bare.replace("\r\n", "\n"))
    assert all(
        re.fullmatch(OURS, sequence) for sequence in re.findall(rb"\x1b.[^A-Za-z]*[A-Za-z]", shown.raw)
    )


def test_a_check_of_the_login_says_that_it_is_not_trusted(launcher: Launcher, host: str) -> None:
    launcher.environment = {"VCF_HOST": host, "VCF_USERNAME": "a", "VCF_PASSWORD": "b"}
    ended = launcher.run("login", "--check", code=3)
    assert "TLS     not trusted: " in ended.out
    assert f"vcf-tasks trust {host} shows and pins it" in ended.out
    assert not FORBIDDEN.search(ended.out + ended.err)
