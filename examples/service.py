"""An async service over one SDDC Manager: its tasks as NDJSON, and retries on request.

    pip install vcf-tasks-async fastapi uvicorn
    export VCF_HOST=sfo-vcf01.rainpole.io VCF_USERNAME=svc-tasks@vsphere.local VCF_PASSWORD=…
    uvicorn --app-dir examples service:app --timeout-graceful-shutdown 30

    curl -N 'http://127.0.0.1:8000/tasks?status=Failed'
    curl -X POST http://127.0.0.1:8000/tasks/16ab8935-805b-4edf-aace-72c98134f667/retry

One session serves all requests: one login, one bound on what SDDC Manager is asked at once. SIGTERM lets the
streams that run come to their end, then closes it. Put your own authentication in front of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from vcf_tasks_async import (
    EnvSecret,
    PasswordAuth,
    Result,
    TaskFilter,
    TaskSession,
    TaskStream,
    UsageError,
    VcfTasksError,
)

# What became of a retry, in the words of HTTP.
STATUS = {
    Result.ACCEPTED: 202,
    Result.SKIPPED: 409,
    Result.REJECTED: 409,
    Result.NOT_SENT: 503,
    Result.UNKNOWN: 504,
}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One session, as long as the service runs."""
    auth = PasswordAuth(os.environ["VCF_USERNAME"], EnvSecret("VCF_PASSWORD"))
    async with TaskSession(os.environ["VCF_HOST"], auth, concurrency=16) as session:
        app.state.session = session
        yield


app = FastAPI(title="Tasks of SDDC Manager", lifespan=lifespan)


def session_of(request: Request) -> TaskSession:
    """The session that all requests share."""
    session: TaskSession = request.app.state.session
    return session


Session = Annotated[TaskSession, Depends(session_of)]


@app.get("/tasks")
async def tasks(session: Session, status: Annotated[list[str] | None, Query()] = None) -> StreamingResponse:
    """All tasks, or those of some statuses, a line each; the last line says whether these are all."""
    stream = session.stream(TaskFilter(status=status))
    # Awaited before the answer begins: until then an error can still be told by its status.
    first = await anext(stream, None)
    documents = [] if first is None else [first.to_json()]
    return StreamingResponse(_lines(stream, documents), media_type="application/x-ndjson")


async def _lines(stream: TaskStream, documents: list[dict[str, Any]]) -> AsyncIterator[str]:
    # A client that goes away ends this generator, and with it the listing.
    async with aclosing(stream):
        for document in documents:
            yield json.dumps(document) + "\n"
        async for task in stream:
            yield json.dumps(task.to_json()) + "\n"
        yield json.dumps({"complete": stream.complete}) + "\n"


@app.post("/tasks/{task_id}/retry")
async def retry(task_id: str, session: Session) -> JSONResponse:
    """Retry a task, at most once, and say what came of it."""
    report = await session.retry_many([task_id])
    (outcome,) = report.outcomes
    return JSONResponse(outcome.to_json(), status_code=STATUS[outcome.result])


@app.exception_handler(VcfTasksError)
async def told(request: Request, error: VcfTasksError) -> JSONResponse:
    """Errors of the library name the SDDC Manager and hold no secret: they may be shown."""
    return JSONResponse({"detail": str(error)}, status_code=422 if isinstance(error, UsageError) else 502)
