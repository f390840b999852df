"""The official Python SDK (`vcf-sdk`) behind a few plain methods, for comparing others with it.

Answers are plain dicts with the API's own JSON field names. Synchronous, as the SDK is.
"""

import json
from typing import Any, Self

import requests
from vmware.sddc_manager.model_client import (
    BaseCredential,
    CredentialsUpdateSpec,
    ResourceCredentials,
    TaskHistoryDeletionRequest,
    TaskSettings,
    TokenCreationSpec,
)
from vmware.sddc_manager.v1.credentials.tasks_client import ResourceCredentials as TaskResources
from vmware.sddc_manager.v1.credentials.tasks_client import Subtasks
from vmware.sddc_manager.v1.credentials_client import Tasks as CredentialTasks
from vmware.sddc_manager.v1.tasks.config_client import Settings
from vmware.sddc_manager.v1.tasks_client import History
from vmware.sddc_manager.v1.tokens.access_token_client import Refresh
from vmware.sddc_manager.v1_client import Tasks, Tokens
from vmware.vapi.data.serializers.cleanjson import DataValueConverter
from vmware.vapi.lib.connect import get_requests_connector
from vmware.vapi.stdlib.client.factories import StubConfigurationFactory

__all__ = ["OfficialSdk", "login", "plain"]


class OfficialSdk:
    """A logged-in SDK. Make one with `login`; `with` closes its connections and revokes nothing."""

    def __init__(self, session: requests.Session, url: str, access_token: str, refresh_token: str) -> None:
        self.session = session
        self.access_token = access_token
        self.refresh_token = refresh_token
        session.headers["Authorization"] = f"Bearer {access_token}"
        configuration = _configuration(session, url)
        self._tasks = Tasks(configuration)
        self._refresh = Refresh(configuration)
        self._history = History(configuration)
        self._settings = Settings(configuration)
        self._credentials = CredentialTasks(configuration)
        self._credential_subtasks = Subtasks(configuration)
        self._credential_resources = TaskResources(configuration)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def list(self, **parameters: Any) -> Any:
        """The tasks of one GET /v1/tasks; parameters are the SDK's (`task_status="Failed"`, `limit=3`)."""
        return plain(self._tasks.get_tasks(**parameters)).get("elements", [])

    def page(self, number: int, size: int) -> Any:
        """One page: `{"elements": […], "pageMetadata": {…}}`."""
        return plain(self._tasks.get_tasks(page_number=number, page_size=size))

    def get(self, task_id: str) -> Any:
        """One task. Raises the SDK's `Error`, as all methods do."""
        return plain(self._tasks.get_task(task_id))

    def retry(self, task_id: str) -> None:
        """PATCH /v1/tasks/{id}."""
        self._tasks.retry_task(task_id)

    def cancel(self, task_id: str) -> None:
        """DELETE /v1/tasks/{id}."""
        self._tasks.cancel_task(task_id)

    def refresh(self) -> str:
        """Get and use a new access token."""
        self.access_token = self._refresh.refresh_access_token(self.refresh_token)
        self.session.headers["Authorization"] = f"Bearer {self.access_token}"
        return self.access_token

    def delete_histories(self, *task_ids: str) -> Any:
        """DELETE /v1/tasks/history (9.1)."""
        return plain(self._history.delete_task_histories(TaskHistoryDeletionRequest(task_ids=[*task_ids])))

    def credential_tasks(self) -> Any:
        """GET /v1/credentials/tasks."""
        return plain(self._credentials.get_credentials_tasks()).get("elements", [])

    def credential_task(self, task_id: str) -> Any:
        """GET /v1/credentials/tasks/{id}."""
        return plain(self._credentials.get_credentials_task(task_id))

    def credential_subtask(self, task_id: str, subtask_id: str) -> Any:
        """GET /v1/credentials/tasks/{id}/subtasks/{subtaskId}."""
        return plain(self._credential_subtasks.get_credentials_sub_task(task_id, subtask_id))

    def resource_credentials(self, task_id: str) -> Any:
        """GET /v1/credentials/tasks/{id}/resource-credentials."""
        return plain(self._credential_resources.get_credential_task_by_resource_id(task_id))

    def retry_credentials(self, task_id: str, operation: str, elements: Any) -> Any:
        """PATCH /v1/credentials/tasks/{id}; *elements* are plain JSON."""
        spec = CredentialsUpdateSpec(operation, [_resource(element) for element in elements])
        return plain(self._credentials.retry_credentials_task(task_id, spec))

    def cancel_credentials(self, task_id: str) -> Any:
        """DELETE /v1/credentials/tasks/{id}."""
        return plain(self._credentials.cancel_credentials_task(task_id))

    def settings(self, retention_days: int | None = None) -> Any:
        """GET, or with *retention_days* PATCH, /v1/tasks/config/settings (9.1)."""
        if retention_days is None:
            return plain(self._settings.get_task_settings())
        return plain(self._settings.update_task_settings(TaskSettings(retention_days=retention_days)))


def _resource(element: Any) -> ResourceCredentials:
    names = ("credentialType", "accountType", "username", "password")
    credentials = [BaseCredential(*(each.get(name) for name in names)) for each in element["credentials"]]
    return ResourceCredentials(
        element.get("resourceName"), element.get("resourceId"), element.get("resourceType"), credentials
    )


def login(url: str, user: str, password: str, *, ca_file: str | None = None) -> OfficialSdk:
    """Log in with POST /v1/tokens.

    Args:
        url: `https://host:port`.
        user: the user's name.
        password: the user's password.
        ca_file: PEM file to trust; None switches verification off, as the SDK's own samples do.
    """
    session = requests.Session()
    session.verify = ca_file if ca_file is not None else False
    # REQUESTS_CA_BUNDLE in the environment would win over session.verify.
    session.trust_env = False
    pair = Tokens(_configuration(session, url)).create_token(
        TokenCreationSpec(username=user, password=password)
    )
    return OfficialSdk(session, url, pair.access_token, pair.refresh_token.id)


def plain(value: Any) -> Any:
    """One of the SDK's objects as plain JSON, without the fields that are unset.

    Its own `to_dict` ends in a RecursionError on whatever may hold an `Error`, which holds `Error`s.
    """
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if not hasattr(value, "_binding_type"):
        return value
    names = value.get_binding_type().get_field_names()
    found = {name: plain(value.get_field(name)) for name in names if value.get_field(name) is not None}
    # Fields that this release of the SDK does not know.
    extra = value._get_extra_fields() or {}
    return {**found, **{name: json.loads(DataValueConverter.convert_to_json(v)) for name, v in extra.items()}}


def _configuration(session: requests.Session, url: str) -> Any:
    connector = get_requests_connector(session=session, msg_protocol="rest", url=url)
    return StubConfigurationFactory.new_std_configuration(connector)
