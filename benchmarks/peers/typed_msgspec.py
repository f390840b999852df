"""A floor: aiohttp and the fastest typed decoder there is, with no care for what the API may send amiss."""

from __future__ import annotations

from typing import Any

import msgspec

from benchmarks.meters import Meter
from benchmarks.peers import Job
from benchmarks.peers.bare_aiohttp import client
from benchmarks.peers.windowed import windowed


class _Struct(msgspec.Struct, rename="camel", omit_defaults=True):
    pass


class MessagePack(_Struct):
    """As the API has it."""

    message_key: str | None = None
    component: str | None = None
    arguments: list[str] = []
    message: str | None = None
    bundle: str | None = None


class ErrorCause(_Struct):
    """As the API has it."""

    type: str | None = None
    message: str | None = None


class Error(_Struct):
    """As the API has it."""

    error_code: str | None = None
    error_type: str | None = None
    arguments: list[str] = []
    context: dict[str, str] | None = None
    message: str | None = None
    remediation_message: str | None = None
    causes: list[ErrorCause] = []
    nested_errors: list[Error] = []
    reference_token: str | None = None
    label: str | None = None
    remediation_url: str | None = None


class Resource(_Struct):
    """As the API has it."""

    resource_id: str | None = None
    fqdn: str | None = None
    type: str | None = None
    name: str | None = None
    sans: list[str] = []


class Stage(_Struct):
    """As the API has it."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    status: str | None = None
    creation_timestamp: str | None = None
    completion_timestamp: str | None = None
    errors: list[Error] = []


class SubTask(_Struct):
    """As the API has it."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    status: str | None = None
    creation_timestamp: str | None = None
    completion_timestamp: str | None = None
    stages: list[Stage] = []
    errors: list[Error] = []
    resources: list[Resource] = []
    sub_tasks: list[SubTask] = []
    documentation_link: dict[str, str] | None = None


class Task(_Struct):
    """As the API has it."""

    id: str
    name: str | None = None
    localizable_description_pack: MessagePack | None = None
    type: str | None = None
    status: str | None = None
    creation_timestamp: str | None = None
    completion_timestamp: str | None = None
    sub_tasks: list[SubTask] = []
    errors: list[Error] = []
    resources: list[Resource] = []
    resolution_status: str | None = None
    is_cancellable: bool | None = None
    is_retryable: bool | None = None


class PageMetadata(_Struct):
    """As the API has it."""

    total_pages: int


class Page(_Struct):
    """As the API has it."""

    elements: list[Task]
    page_metadata: PageMetadata


decode = msgspec.json.Decoder(Page).decode


async def listing(job: Job, meter: Meter) -> None:
    """Every page, typed to the last leaf, so many at once."""
    async with client(job) as http:

        async def fetch(_: int, number: int) -> Any:
            params = {"pageNumber": number, "pageSize": 100}
            async with http.get("/v1/tasks", params=params) as response:
                return decode(await response.read())

        with meter:
            await windowed(
                fetch,
                lambda page: page.page_metadata.total_pages,
                job.window,
                lambda page: meter.got(page.elements),
            )
