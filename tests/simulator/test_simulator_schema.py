"""Every answer of the simulator validates against the official API document, and holds nothing else."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from raw_client import RawClient, Reply

from vcf_tasks_async.testing import SddcManagerSimulator

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT.parent / "shared" / "reference" / "openapi-tasks.json"
SPEC = {
    "operationType": "ROTATE",
    "elements": [{"resourceType": "ESXI", "credentials": [{"username": "root"}]}],
}

pytestmark = pytest.mark.skipif(not DOCUMENT.exists(), reason="the official API document is not at hand")


class Judge:
    """Checks an answer against what the document says about its operation, in one release."""

    def __init__(self, release: str) -> None:
        self.document = json.loads(DOCUMENT.read_text())
        self.components = copy.deepcopy(self.document["components"])
        self.release = release
        self.seen: set[tuple[str, str, int]] = set()
        for schema in self.components["schemas"].values():
            if release != "9.1":
                properties = schema.get("properties", {})
                for name in [n for n, s in properties.items() if s.get("x-since") == "9.1"]:
                    del properties[name]
            if "properties" in schema:
                schema["additionalProperties"] = False

    def check(self, method: str, template: str, reply: Reply) -> Reply:
        operation = self.document["paths"][template][method.lower()]
        self.seen.add((method, template, reply.status))
        documented = operation["responses"].get(str(reply.status))
        if documented is None:
            # A framework's own refusals are documented nowhere: they must be errors all the same.
            assert reply.status in (401, 403, 404, 400, 415), f"{method} {template} answered {reply.status}"
            schema: dict[str, Any] = {"$ref": "#/components/schemas/Error"}
        elif "content" not in documented:
            assert reply.body == b""
            return reply
        else:
            schema = documented["content"]["application/json"]["schema"]
        assert reply.headers["Content-Type"] == "application/json"
        jsonschema.Draft202012Validator({**schema, "components": self.components}).validate(reply.json)
        return reply

    def missed(self) -> Iterator[str]:
        """Documented answers that were not provoked, but 500 which needs a broken server."""
        for template, operations in self.document["paths"].items():
            for method, operation in operations.items():
                if operation.get("x-since") == "9.1" and self.release != "9.1":
                    continue
                for status in operation["responses"]:
                    if status != "500" and (method.upper(), template, int(status)) not in self.seen:
                        yield f"{method.upper()} {template} {status}"


@pytest.mark.parametrize("release", ["5.2", "9.0", "9.1"])
async def test_every_answer_of_every_operation_is_as_documented(release: str) -> None:
    judge = Judge(release)
    options = {"tasks": 300, "release": release, "failed": 0.4, "running": 0.1, "login_failure": 400}
    async with SddcManagerSimulator(**options, lockout=None) as sddc, RawClient(sddc, login=False) as api:

        async def ask(method: str, template: str, ids: tuple[str, ...] = (), **request: Any) -> Reply:
            path = template
            for value, name in zip(ids, ("{id}", "{subtaskId}"), strict=False):
                path = path.replace(name, value)
            return judge.check(method, template, await api(method, path, **request))

        await ask("GET", "/v1/tasks")
        await ask("POST", "/v1/tokens", body={"username": "x", "password": "y"})
        await ask("POST", "/v1/tokens", body={"nothing": 1})
        await ask("POST", "/v1/tokens", body={"apiKey": sddc.api_key})
        await api.login()
        refresh = "/v1/tokens/access-token/refresh"
        for token in (api.refresh_token, "unknown", ""):
            await ask("PATCH", refresh, body=token)
        await ask("DELETE", "/v1/tokens/refresh-token", body=api.refresh_token)

        await ask("GET", "/v1/tasks")
        await ask("GET", "/v1/tasks", pageNumber=2, pageSize=10)
        await ask("GET", "/v1/tasks", pageSize="junk")
        one = "/v1/tasks/{id}"
        plain = [i for i in sddc.ids("FAILED") if sddc.tasks[i]["isRetryable"]]
        for method in ("GET", "PATCH", "DELETE"):
            await ask(method, one, ("nobody",))
        for task_id in sddc.ids():
            await ask("GET", one, (task_id,))
        for task_id in plain:
            await ask("PATCH", one, (task_id,))
            await ask("GET", one, (task_id,))
        await ask("PATCH", one, (plain[0],))
        await ask("DELETE", one, (plain[0],))
        await ask("DELETE", one, (plain[0],))
        sddc.clock.advance(600)
        await ask("GET", "/v1/tasks")

        credentials = "/v1/credentials/tasks"
        await ask("GET", credentials)
        await ask("GET", credentials, limit=2)
        await ask("GET", credentials, limit="x")
        failed = [sddc.add_task(status="FAILED", credential=True) for _ in range(13)]
        await ask("GET", credentials)
        for suffix in ("/{id}", "/{id}/resource-credentials"):
            await ask("GET", credentials + suffix, (failed[0],))
            await ask("GET", credentials + suffix, ("nobody",))
        shown = (await ask("GET", credentials + "/{id}", (failed[0],))).json
        await ask("GET", credentials + "/{id}/subtasks/{subtaskId}", (failed[0], shown["subTasks"][0]["id"]))
        await ask("GET", credentials + "/{id}/subtasks/{subtaskId}", (failed[0], "nobody"))
        await ask("DELETE", credentials + "/{id}", (failed[12],))
        await ask("DELETE", credentials + "/{id}", (failed[12],))
        await ask("PATCH", credentials + "/{id}", (failed[0],), body={})
        for task_id in failed[:12]:
            await ask("PATCH", credentials + "/{id}", (task_id,), body=SPEC)

        if release == "9.1":
            histories, settings = "/v1/tasks/history", "/v1/tasks/config/settings"
            await ask(
                "DELETE", histories, body={"taskIds": [*sddc.ids("SUCCESSFUL")[:3], plain[1], "nobody"]}
            )
            await ask("DELETE", histories, body={"taskIds": []})
            await ask("GET", settings)
            await ask("PATCH", settings, body={"retentionDays": 7})
            await ask("PATCH", settings, body={"retentionDays": 0})

        sddc.expire_tokens()
        await ask("PATCH", credentials + "/{id}", (failed[0],), body=SPEC)
    assert not list(judge.missed())


@pytest.mark.parametrize("release", ["9.0", "9.1"])
async def test_every_answer_of_the_installer_is_as_documented(release: str) -> None:
    judge = Judge(release)
    options = {"tasks": 60, "release": release, "product": "vcf-installer", "failed": 0.4, "running": 0.2}
    async with SddcManagerSimulator(**options) as sddc, RawClient(sddc) as api:
        one = "/v1/tasks/{id}"
        judge.check("GET", "/v1/tasks", await api("GET", "/v1/tasks"))
        for status, method in (("FAILED", "PATCH"), ("IN_PROGRESS", "DELETE"), ("SUCCESSFUL", "GET")):
            for task_id in sddc.ids(status):
                judge.check(method, one, await api(method, f"/v1/tasks/{task_id}"))
                judge.check("GET", one, await api("GET", f"/v1/tasks/{task_id}"))
        if release == "9.1":
            body = {"taskIds": sddc.ids()[:5]}
            judge.check("DELETE", "/v1/tasks/history", await api("DELETE", "/v1/tasks/history", body=body))
        for absent in ("/v1/credentials/tasks", "/v1/tasks/config/settings"):
            assert (await api("GET", absent)).status == 404
        # The turn: what was issued is dead, and what was absent is there.
        refresh = api.refresh_token
        sddc.become_sddc_manager(local_password="Local-pass1!")
        judge.check("GET", "/v1/tasks", await api("GET", "/v1/tasks"))
        path = "/v1/tokens/access-token/refresh"
        assert judge.check("PATCH", path, await api("PATCH", path, body=refresh)).status == 404
        for username, password in ((sddc.username, sddc.password), ("admin@local", "Local-pass1!")):
            assert (await api.login(username=username, password=password)).status == 201
        assert (await api("GET", "/v1/tasks")).ids == []
        sddc.add_task(status="FAILED", credential=True)
        listed = await api("GET", "/v1/credentials/tasks")
        assert len(judge.check("GET", "/v1/credentials/tasks", listed).ids) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 502, 503])
async def test_scripted_errors_are_error_objects_too(status: int) -> None:
    judge = Judge("9.0")
    async with SddcManagerSimulator(tasks=1) as sddc, RawClient(sddc) as api:
        sddc.faults.add(status=status)
        reply = await api("GET", "/v1/tasks")
        schema = {"$ref": "#/components/schemas/Error", "components": judge.components}
        jsonschema.Draft202012Validator(schema).validate(reply.json)


def test_the_judge_refuses_what_is_not_documented() -> None:
    judge = Judge("9.0")
    task = {"id": "a", "name": "n", "status": "Failed", "creationTimestamp": "now", "future": 1}
    reply = Reply(200, json.dumps(task).encode(), {"Content-Type": "application/json"})
    with pytest.raises(jsonschema.ValidationError, match="future"):
        judge.check("GET", "/v1/tasks/{id}", reply)
