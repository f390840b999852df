"""What is checked, each in an environment of its own.

    nox                        # all of the first block: what every change must pass, on each Python
    nox -s tests-3.12 -- -k paging
    nox -l                     # all there are

`.ci/run` takes from here what it does not take from README.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests", "lowest", "wheel", "docs"]

ROOT = Path(__file__).parent
PYTHONS = ["3.11", "3.12", "3.13"]
PYTEST = ("python", "-m", "pytest", "-n", "2", "--dist", "worksteal")
# What the floors and the wheel are tested with, in under a minute: where other libraries are leant on, and
# where files of the package are read. `-- tests` takes all.
PARTS = (
    "tests/unit/test_codec.py", "tests/unit/test_models.py", "tests/unit/test_shapes.py",
    "tests/unit/test_house.py", "tests/listing/test_stream.py", "tests/bulk/test_bulk.py",
    "tests/wire/test_bodies.py", "tests/wire/test_tls.py", "tests/credentials", "tests/simulator",
    "tests/cli/test_commands.py", "tests/cli/test_report_command.py", "tests/dask",
)  # fmt: skip


# --- what every change must pass --------------------------------------------------------------------------


@nox.session
def lint(session: nox.Session) -> None:
    """Rules of style, format, and of asyncio."""
    session.install("--group", "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    # What ruff lacks.
    session.run("flake8", "--select", "ASYNC101,ASYNC102,ASYNC119,ASYNC120", "vcf_tasks_async")


@nox.session
def types(session: nox.Session) -> None:
    """Both type checkers, strictly."""
    session.install("-e", ".", "--group", "test", "--group", "check")
    session.run("mypy", "--strict")
    session.run("pyright", "--pythonpath", str(Path(session.bin, "python")))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The whole suite, as README has it."""
    session.install("-e", ".", "--group", "test")
    session.run(*PYTEST, *session.posargs)


@nox.session(python=PYTHONS[0], venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The lowest versions that pyproject.toml allows, on the oldest Python."""
    extras = ".[cli,dask,keyring,speed,testing]"
    session.install("--resolution", "lowest-direct", "-e", extras, "--group", "test")
    session.run(*PYTEST, *(session.posargs or PARTS))


@nox.session
def wheel(session: nox.Session) -> None:
    """The wheel that users get: by itself, and then with its extras and tests, away from the checkout."""
    away = Path(session.create_tmp()).resolve()
    shutil.rmtree(away / "dist", ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(away / "dist"), ".", silent=True)
    [built] = (away / "dist").glob("*.whl")
    session.run("python", "tests/wheel/contents.py", str(built))

    session.install("--force-reinstall", str(built))
    with session.chdir(away):
        session.run("python", "-W", "error", str(ROOT / "tests/wheel/bare.py"))

    session.install(f"vcf-tasks-async[demo] @ {built.as_uri()}", "--group", f"{ROOT}/pyproject.toml:test")
    for name in ("tests", "benchmarks", "docs", "examples"):
        shutil.rmtree(away / name, ignore_errors=True)
        shutil.copytree(ROOT / name, away / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    for path in (*ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "noxfile.py"):
        shutil.copy(path, away)
    with session.chdir(away):
        session.run("vcf-tasks", "demo", "--tasks", "100", "--seed", "1")
        session.run(*PYTEST, *(session.posargs or PARTS))


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, with no warning."""
    session.install("-e", ".[cli,dask,testing]", "--group", "docs")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-n", "docs", "docs/_build", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of what users install. Asks PyPI, so it is no part of CI."""
    session.install(".[cli,dask,keyring,speed,testing]")
    installed = session.run("python", "-c", _INSTALLED, silent=True)
    found = Path(session.create_tmp(), "installed.txt")
    found.write_text(str(installed), "utf-8")
    session.install("pip-audit>=2.9")
    session.run(
        "pip-audit", "--strict", "--no-deps", "--disable-pip", "--progress-spinner", "off",
        "-r", str(found), *session.posargs,
    )  # fmt: skip


# All but ourselves.
_INSTALLED = """
from importlib.metadata import distributions
for each in distributions():
    if each.name != "vcf-tasks-async":
        print(f"{each.name}=={each.version}")
"""


# --- what takes its time ----------------------------------------------------------------------------------


@nox.session
def fuzz(session: nox.Session) -> None:
    """A million odd inputs; `-- --inputs 10000` for fewer."""
    session.install("-e", ".", "--group", "test")
    session.run("python", "tests/fuzz", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """A watch over 30 days of a moved clock; `-- --minutes 30 --tasks 5000` for the real one."""
    session.install("-e", ".", "--group", "test")
    session.run(
        "python", "benchmarks/soak_watch.py", *(session.posargs or ("--days", "30", "--tasks", "2000"))
    )


@nox.session
def mutation(session: nox.Session) -> None:
    """Whether the tests can fail: docs/testing.md. An hour or so; `-- auth --sample 150` for less."""
    session.install("-e", ".", "--group", "mutation")
    session.run("python", "tests/mutation/mutate.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmark against the peers; `-- run --quick` for the cases that matter most."""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "benchmarks", *(session.posargs or ("run", "--quick")))
