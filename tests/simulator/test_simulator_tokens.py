"""Who may call the simulator: logins, JWTs, expiry, refresh, revocation."""

import time

import jwt
import pytest
from raw_client import RawClient

from vcf_tasks_async.testing import SddcManagerSimulator, SimulatorClock

REFRESH = "/v1/tokens/access-token/refresh"
OPERATIONS = [
    ("GET", "/v1/tasks"),
    ("GET", "/v1/tasks/x"),
    ("PATCH", "/v1/tasks/x"),
    ("DELETE", "/v1/tasks/x"),
    ("GET", "/v1/tasks/config/settings"),
    ("DELETE", "/v1/tasks/history"),
    ("GET", "/v1/credentials/tasks"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("status", [401, 403])
async def test_every_call_wants_a_valid_token(method: str, path: str, status: int) -> None:
    async with (
        SddcManagerSimulator(tasks=1, release="9.1", reject_status=status) as sddc,
        RawClient(sddc, login=False) as api,
    ):
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}):
            reply = await api(method, path, headers=headers)
            assert reply.status == status
            assert reply.json["errorCode"] == "Unauthorized"


async def test_password_api_key_and_id_token_all_log_in() -> None:
    async with SddcManagerSimulator(tasks=1) as sddc, RawClient(sddc, login=False) as api:
        for spec in (
            {"username": "administrator@vsphere.local", "password": sddc.password},
            {"apiKey": sddc.api_key},
            {"idToken": sddc.id_token},
        ):
            assert (await api.login(**spec)).status == 201
            assert (await api("GET", "/v1/tasks")).status == 200
        assert (sddc.logins, sddc.failed_logins) == (3, 0)


async def test_the_access_token_is_a_jwt_whose_times_mean_what_they_say() -> None:
    async with SddcManagerSimulator(tasks=1, access_token_ttl=600) as sddc, RawClient(sddc) as api:
        claims = jwt.decode(api.token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 600
        assert abs(claims["iat"] - time.time()) < 5
        assert claims["sub"] == sddc.username


@pytest.mark.parametrize("status", [400, 401])
async def test_a_wrong_login_is_refused(status: int) -> None:
    async with (
        SddcManagerSimulator(tasks=1, login_failure=status) as sddc,
        RawClient(sddc, login=False) as api,
    ):
        for spec in ({"username": sddc.username, "password": "no"}, {"apiKey": "no"}, {"idToken": "no"}):
            reply = await api.login(**spec)
            assert reply.status == status
            assert reply.json["errorCode"] == "IDENTITY_UNAUTHORIZED_ENTITY"
        assert (sddc.logins, sddc.failed_logins) == (0, 3)
        assert (await api("POST", "/v1/tokens", body={})).status == 400


async def test_an_account_locks_after_too_many_wrong_logins_and_unlocks_in_time() -> None:
    clock = SimulatorClock(speed=0)
    async with (
        SddcManagerSimulator(tasks=1, lockout=3, clock=clock) as sddc,
        RawClient(sddc, login=False) as api,
    ):
        for _ in range(3):
            await api.login(username=sddc.username, password="no")
        assert (await api.login()).status == 401
        clock.advance(301)
        assert (await api.login()).status == 201


async def test_the_installer_has_its_own_user_and_no_credential_tasks() -> None:
    async with SddcManagerSimulator(tasks=30, product="vcf-installer") as sddc, RawClient(sddc) as api:
        assert sddc.username == "admin@local"
        assert len((await api("GET", "/v1/tasks")).ids) == 30
        assert (await api("GET", "/v1/credentials/tasks")).status == 404


async def test_an_expired_token_is_refused_and_a_refresh_helps() -> None:
    clock = SimulatorClock(speed=0)
    async with SddcManagerSimulator(tasks=1, clock=clock, live=False) as sddc, RawClient(sddc) as api:
        clock.advance(3599)
        assert (await api("GET", "/v1/tasks")).status == 200
        clock.advance(1)
        assert (await api("GET", "/v1/tasks")).status == 401
        reply = await api("PATCH", REFRESH, body=api.refresh_token)
        assert reply.status == 200
        api.token = reply.json
        assert (await api("GET", "/v1/tasks")).status == 200
        clock.advance(86400)
        assert (await api("PATCH", REFRESH, body=api.refresh_token)).status == 404
        assert sddc.refreshes == 1


async def test_refresh_wants_json_and_answers_bare_text_when_told() -> None:
    async with SddcManagerSimulator(tasks=1, refresh_as="text") as sddc, RawClient(sddc) as api:
        async with api.http.patch(sddc.url + REFRESH, data=f'"{api.refresh_token}"') as reply:
            assert reply.status == 415
        assert (await api("PATCH", REFRESH, body="")).status == 400
        assert (await api("PATCH", REFRESH, body="unknown")).status == 404
        reply = await api("PATCH", REFRESH, body=api.refresh_token)
        assert reply.body.count(b".") == 2
        assert not reply.body.startswith(b'"')


async def test_revoked_and_expired_by_hand() -> None:
    async with SddcManagerSimulator(tasks=1) as sddc, RawClient(sddc) as api:
        sddc.expire_tokens()
        assert (await api("GET", "/v1/tasks")).status == 401
        api.token = (await api("PATCH", REFRESH, body=api.refresh_token)).json
        assert (await api("GET", "/v1/tasks")).status == 200
        assert (await api("DELETE", "/v1/tokens/refresh-token", body=api.refresh_token)).status == 204
        assert (await api("PATCH", REFRESH, body=api.refresh_token)).status == 404
        assert (await api("GET", "/v1/tasks")).status == 200, "the access token lives on"
        await api.login()
        sddc.revoke_refresh_tokens()
        assert (await api("PATCH", REFRESH, body=api.refresh_token)).status == 404
