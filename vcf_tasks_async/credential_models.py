"""Credential (password) tasks as SDDC Manager tells them, and what a retry of one is to set.

Passwords are `Secret`\\ s throughout: they show in no repr, log, `to_json` or pickle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from vcf_tasks_async.base import ABSENT, Guarded, extra_field, secrets_in
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.models import PageMetadata
from vcf_tasks_async.secret import MASK, Secret
from vcf_tasks_async.steps import AnyTask, ErrorDetail, Step

if TYPE_CHECKING:
    from vcf_tasks_async.errors import DecodeError


def _secret(value: str | Secret | None) -> Secret | None:
    if value is None or isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise UsageError(f"a password is a text or a Secret, not {type(value).__name__}")
    return Secret(value)


def _tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise UsageError(f"a list is asked for here, not {type(values).__name__}")
    return values if isinstance(values, tuple) else tuple(values)


@attrs.frozen
class CredentialsSubTask(Step, Guarded):
    """A step of a credential task: one account of one resource.

    Attributes:
        old_password: a `Secret`, or None.
        new_password: a `Secret`, or None.
        dependent_sub_tasks: what follows from it.

    Source: ``CredentialsSubTask``, VMware Cloud Foundation API 9.0.
    """

    id: str | None = None
    resource_name: str | None = None
    name: str | None = None
    description: str | None = None
    creation_timestamp: str | None = None
    completion_timestamp: str | None = None
    raw_status: str | None = attrs.field(default=None, metadata={"json": "status"})
    dependent_sub_tasks: tuple[CredentialsSubTask, ...] = ABSENT
    errors: tuple[ErrorDetail, ...] = ABSENT
    old_password: Secret | None = attrs.field(default=None, converter=_secret)
    new_password: Secret | None = attrs.field(default=None, converter=_secret)
    entity_type: str | None = None
    username: str | None = None
    credential_type: str | None = None
    extra: Mapping[str, Any] = extra_field()

    def _branches(self) -> tuple[tuple[str, tuple[Step, ...]], ...]:
        """Its dependent subtasks."""
        return (("dependentSubTasks", self.dependent_sub_tasks),)


@attrs.frozen
class CredentialsTask(AnyTask, Guarded):
    """A credential task, as ``/v1/credentials/tasks`` shows it. Only `id` is sure.

    Attributes:
        type: ``UPDATE``, ``ROTATE``, ``REMEDIATE`` or ``UPDATE_AUTO_ROTATE_POLICY``.
        is_auto_rotate: None when the release does not say.

    Source: ``CredentialsTask``, VMware Cloud Foundation API 9.0.

    Example:
        >>> task = CredentialsTask(id="a758", type="ROTATE", raw_status="USER_CANCELLED")
        >>> task.is_ended, task.failed
        (True, False)
    """

    id: str
    name: str | None = None
    type: str | None = None
    creation_timestamp: str | None = None
    completion_timestamp: str | None = None
    raw_status: str | None = attrs.field(default=None, metadata={"json": "status"})
    sub_tasks: tuple[CredentialsSubTask, ...] = ABSENT
    errors: tuple[ErrorDetail, ...] = ABSENT
    is_auto_rotate: bool | None = None
    extra: Mapping[str, Any] = extra_field()

    if TYPE_CHECKING:

        def walk(self) -> Iterator[tuple[str, CredentialsSubTask]]: ...


@attrs.frozen
class CredentialsTaskPage(Guarded):
    """The one answer of ``GET /v1/credentials/tasks``; see `TaskPage`."""

    elements: tuple[CredentialsTask, ...] = ABSENT
    page_metadata: PageMetadata | None = None
    malformed: tuple[DecodeError, ...] = attrs.field(
        default=(), metadata={"json": None}, eq=False, kw_only=True
    )
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class BaseCredential(Guarded):
    """An account and its password.

    Attributes:
        password: a `Secret`; a plain text is taken and wrapped. What is in an answer travels in a pickle
            without its text; what you give does not pickle.
        credential_type: such as ``SSO``, ``SSH``, ``API``, ``FTP``, ``AUDIT``.
        account_type: ``USER``, ``SYSTEM`` or ``SERVICE``.

    Example:
        >>> BaseCredential("root", "VMw@re1!").password
        Secret('***')
    """

    username: str | None = None
    password: Secret | None = attrs.field(default=None, converter=_secret)
    credential_type: str | None = None
    account_type: str | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class ResourceCredentials(Guarded):
    """A resource and those of its accounts that are meant.

    Attributes:
        resource_type: such as ``ESXI``, ``VCENTER``, ``PSC``, ``NSXT_MANAGER``, ``BACKUP``.
    """

    resource_type: str | None = None
    credentials: tuple[BaseCredential, ...] = attrs.field(default=ABSENT, converter=_tuple)
    resource_name: str | None = None
    resource_id: str | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class AutoRotatePolicy(Guarded):
    """Whether passwords are to be rotated by themselves, and how often.

    Source: ``AutoRotateCredentialPolicyInputSpec``, VMware Cloud Foundation API 9.0.
    """

    enable_auto_rotate_policy: bool
    frequency_in_days: int | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class CredentialsUpdateSpec(Guarded):
    """What a retry of a credential task is to do: the operation, and the accounts it is for.

    Attributes:
        operation_type: ``UPDATE``, ``ROTATE``, ``REMEDIATE`` or ``UPDATE_AUTO_ROTATE_POLICY``.
        elements: the resources with their accounts; ``await session.credentials.resource_credentials(id)``
            gives those of a task.

    Source: ``CredentialsUpdateSpec``, VMware Cloud Foundation API 9.0.

    Example:
        >>> esxi = ResourceCredentials("ESXI", [BaseCredential("root", "VMw@re1!")], "sfo01-m01-esx01")
        >>> CredentialsUpdateSpec("UPDATE", [esxi]).to_json()["elements"][0]["credentials"]
        [{'username': 'root', 'password': '***'}]
    """

    operation_type: str
    elements: tuple[ResourceCredentials, ...] = attrs.field(default=ABSENT, converter=_tuple)
    auto_rotate_policy: AutoRotatePolicy | None = None
    extra: Mapping[str, Any] = extra_field()


def checked_spec(spec: object) -> CredentialsUpdateSpec:
    """*spec*, when it holds what the API asks for, and no mask in place of a password.

    Raises:
        UsageError: it does not.
    """
    if not isinstance(spec, CredentialsUpdateSpec):
        raise UsageError(f"spec takes a CredentialsUpdateSpec, not {type(spec).__name__}")
    if not isinstance(spec.operation_type, str) or not spec.operation_type:
        raise UsageError("a spec needs its operation_type, such as 'ROTATE'")
    if not spec.elements:
        raise UsageError("a spec needs elements: the resources whose credentials are meant")
    for element in spec.elements:
        if not isinstance(element, ResourceCredentials) or not element.resource_type:
            raise UsageError("each element of a spec is a ResourceCredentials with its resource_type")
        for credential in element.credentials:
            if not isinstance(credential, BaseCredential) or not credential.username:
                raise UsageError("each of the credentials in a spec is a BaseCredential with its username")
    if any(_is_mask(secret) for secret in secrets_in(spec)):
        raise UsageError(f"a password in the spec is {MASK!r}, as to_json() shows it: give the real one")
    return spec


def _is_mask(secret: Secret) -> bool:
    try:
        return secret.reveal() == MASK
    except ValueError as error:
        raise UsageError(str(error)) from None
