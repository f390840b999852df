"""`--fleet`: all sites of a file in one list, and any command at one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from launcher import Launcher

from vcf_tasks_async.testing import SddcManagerSimulator


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[str, list[SddcManagerSimulator]]]:
    simulators = [SddcManagerSimulator(40, seed=seed, failed=0.2) for seed in (1, 2)]
    with ExitStack() as stack:
        text = ""
        for name, simulator in zip(("sfo", "lax"), simulators, strict=True):
            running = stack.enter_context(simulator.in_thread())
            text += f'[sites.{name}]\nurl = "{running.url}"\nusername = "{running.username}"\n'
            text += f'password_command = ["echo", "{running.password}"]\ndeadline = 5\n'
        file = tmp_path / "sites.toml"
        file.write_text(text)
        yield str(file), simulators


def test_list_takes_all_sites_and_names_each(
    launcher: Launcher, sites: tuple[str, list[SddcManagerSimulator]]
) -> None:
    file, simulators = sites
    records = launcher.records("list", "--fleet", file, "--sort", "name")
    assert len(records) == 80
    at = {site: {r["id"] for r in records if r["site"] == site} for site in ("sfo", "lax")}
    assert at == {"sfo": set(simulators[0].ids()), "lax": set(simulators[1].ids())}
    assert [r["name"] for r in records] == sorted((r["name"] for r in records), key=str.casefold)
    shown = launcher.on_terminal("list", "--fleet", file, "--failed")
    assert shown.width <= 80
    assert "SITE" in shown.text
    assert len(launcher.lines("list", "--fleet", file, "-q", "-n", "3")) == 3


def test_a_site_that_is_down_is_told_and_costs_the_others_nothing(
    launcher: Launcher, sites: tuple[str, list[SddcManagerSimulator]]
) -> None:
    file, simulators = sites
    simulators[1].faults.add(path="/v1/tokens", status=401, times=None)
    lines = launcher.lines("list", "--fleet", file, "-q", code=1)
    assert set(lines) == set(simulators[0].ids())
    assert "lax" in launcher.complaint


def test_any_command_takes_one_site(
    launcher: Launcher, sites: tuple[str, list[SddcManagerSimulator]]
) -> None:
    file, simulators = sites
    [task_id, *_] = simulators[1].ids("Failed")
    assert launcher.records("get", task_id, "--fleet", file, "--site", "lax")[0]["id"] == task_id
    launcher.lines("get", task_id, "--fleet", file, "--site", "sfo", code=5)
    launcher.lines("retry", task_id, "--fleet", file, "--site", "lax", "--yes", "-c", "2")
    assert len(launcher.lines("list", "--fleet", file, "--site", "sfo", "-q")) == 40
    for arguments, said in (
        (("get", task_id, "--fleet", file), "which site of the fleet? Give --site: it has sfo, lax"),
        (("get", task_id, "--fleet", file, "--site", "ber"), "no site 'ber'"),
        (("get", task_id, "--site", "sfo"), "--site goes with --fleet"),
        (("list", "--fleet", file, "-H", "x"), "--fleet and --host don't go together"),
    ):
        assert launcher.lines(*arguments, code=2) == []
        assert said in launcher.complaint
