"""The simulator for code without an event loop, the pytest fixture, and what importing them costs."""

import ast
import asyncio
import doctest
import importlib
import json
import pkgutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import vcf_tasks_async.testing
from vcf_tasks_async.testing import SddcManagerSimulator

MODULES = sorted(
    f"vcf_tasks_async.testing.{module.name}"
    for module in pkgutil.iter_modules(vcf_tasks_async.testing.__path__)
)


def call(
    sddc: SddcManagerSimulator, method: str, path: str, token: str = "", body: object = None
) -> tuple[int, bytes]:
    request = urllib.request.Request(sddc.url + path, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def token_of(sddc: SddcManagerSimulator) -> str:
    _, body = call(sddc, "POST", "/v1/tokens", body={"username": sddc.username, "password": sddc.password})
    token: str = json.loads(body)["accessToken"]
    return token


def test_in_thread_serves_plain_code_and_ends_its_thread() -> None:
    with SddcManagerSimulator(tasks=5).in_thread() as sddc:
        assert call(sddc, "GET", "/v1/tasks", token_of(sddc))[0] == 200
    assert not [thread for thread in threading.enumerate() if "simulator" in thread.name]


def test_controls_are_safe_from_another_thread_while_requests_are_served() -> None:
    with SddcManagerSimulator(tasks=300, running=0.5, speed=5000.0, access_token_ttl=1e9).in_thread() as sddc:
        token = token_of(sddc)
        seen: list[int] = []
        readers = [
            threading.Thread(
                target=lambda: seen.extend(call(sddc, "GET", "/v1/tasks", token)[0] for _ in range(15))
            )
            for _ in range(3)
        ]
        for reader in readers:
            reader.start()
        for number in range(150):
            sddc.add_task()
            sddc.purge(sddc.ids()[number])
        for reader in readers:
            reader.join()
        assert seen == [200] * 45
        times = [change.at for change in sddc.history]
        assert times == sorted(times)


def test_a_restart_from_plain_code_keeps_the_port() -> None:
    thread = SddcManagerSimulator(tasks=5).in_thread()
    with thread as sddc:
        token = token_of(sddc)
        thread.stop_serving()
        with pytest.raises(urllib.error.URLError):
            call(sddc, "GET", "/v1/tasks", token)
        thread.start_serving()
        assert call(sddc, "GET", "/v1/tasks", token)[0] == 200
    with pytest.raises(RuntimeError, match="in_thread"):
        thread.stop_serving()


def test_a_taken_port_is_an_error_and_leaves_no_thread() -> None:
    with SddcManagerSimulator(tasks=1).in_thread() as sddc:
        port = int(sddc.url.rsplit(":", 1)[1])
        with (
            pytest.raises(OSError, match="address already in use"),
            SddcManagerSimulator(tasks=1, port=port).in_thread(),
        ):
            pass
        assert len([thread for thread in threading.enumerate() if "simulator" in thread.name]) == 1


@pytest.mark.sddc_manager(tasks=7, release="9.1")
def test_the_fixture_serves_a_plain_test(sddc_manager: SddcManagerSimulator) -> None:
    status, body = call(sddc_manager, "GET", "/v1/tasks", token_of(sddc_manager))
    assert (status, len(json.loads(body)["elements"])) == (200, 7)
    assert sddc_manager.release == "9.1"


@pytest.mark.sddc_manager(tasks=6)
async def test_the_fixture_serves_and_restarts_from_an_asyncio_test(
    sddc_manager: SddcManagerSimulator,
) -> None:
    token = await asyncio.to_thread(token_of, sddc_manager)
    await sddc_manager.stop()
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(call, sddc_manager, "GET", "/v1/tasks", token)
    await sddc_manager.start()
    assert (await asyncio.to_thread(call, sddc_manager, "GET", "/v1/tasks", token))[0] == 200


@pytest.mark.sddc_manager(3, failed=1.0)
def test_the_marker_takes_the_number_of_tasks_first(sddc_manager: SddcManagerSimulator) -> None:
    assert len(sddc_manager.tasks) == len(sddc_manager.ids("FAILED")) == 3


def test_the_plugin_serves_every_style_of_test_as_users_run_it(tmp_path: Path) -> None:
    (tmp_path / "test_styles.py").write_text(
        """
import anyio, asyncio, pytest, urllib.error, urllib.request

def refused(url):
    try:
        urllib.request.urlopen(url + "/v1/tasks")
    except urllib.error.HTTPError as error:
        with error:
            return error.code

def test_plain(sddc_manager):
    assert refused(sddc_manager.url) == 401

@pytest.mark.asyncio
async def test_asyncio(sddc_manager):
    assert await asyncio.to_thread(refused, sddc_manager.url) == 401

@pytest.mark.anyio
async def test_anyio(sddc_manager, anyio_backend_name):
    assert await anyio.to_thread.run_sync(refused, sddc_manager.url) == 401
    assert anyio_backend_name == "asyncio"

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.sddc_manager(tasks=2)
class TestMarkedClass:
    def test_options_come_from_the_class(self, sddc_manager):
        assert len(sddc_manager.tasks) == 2
"""
    )
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "error",
            "--strict-markers",
            "-o",
            "asyncio_mode=strict",
            "-o",
            "asyncio_default_fixture_loop_scope=function",
            str(tmp_path),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("vcf_tasks_async.testing", {"aiohttp", "jwt", "trustme", "ssl"}),
        ("vcf_tasks_async.testing.pytest_plugin", {"aiohttp", "jwt", "trustme", "ssl"}),
        ("vcf_tasks_async.testing.simulator", {"jwt", "trustme", "cryptography"}),
    ],
)
def test_importing_costs_no_more_than_it_must(module: str, unwanted: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    if "pytest_plugin" in module:
        assert "aiohttp" not in loaded
    else:
        assert not loaded & unwanted


def test_the_simulator_shares_no_code_with_the_client() -> None:
    for path in Path(vcf_tasks_async.testing.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.split(".")[0] == "vcf_tasks_async":
                    assert name.startswith("vcf_tasks_async.testing"), f"{path.name} imports {name}"


@pytest.mark.parametrize("module", ["vcf_tasks_async.testing", *MODULES])
def test_examples_in_docstrings_run(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_exports_are_exactly_what_is_promised() -> None:
    for name in vcf_tasks_async.testing.__all__:
        assert getattr(vcf_tasks_async.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = vcf_tasks_async.testing.nothing
