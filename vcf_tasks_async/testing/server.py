"""The simulator's socket: takes requests, records them, lets scripted faults befall them, answers.

The only module here that knows aiohttp. What to answer is decided by `routes`.
"""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Callable
from threading import RLock
from types import MappingProxyType

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from vcf_tasks_async.testing.bodies import Answer, Call
from vcf_tasks_async.testing.clock import SimulatorClock
from vcf_tasks_async.testing.faults import Fault, FaultPlan, befalling, is_applied, own_answer, replaces
from vcf_tasks_async.testing.record import RecordedRequest, RequestRecorder

__all__ = ["SimulatorServer"]

#: Real seconds that requests in flight get when the server stops: it dies, it does not drain.
_SHUTDOWN_S = 0.01
#: Turns of the loop from `accept` to the task that makes the transport, and to `connection_made`.
_TURNS_OF_ACCEPTING = 3

Latency = float | Callable[[RecordedRequest], float]


class SimulatorServer:
    """Listens, on the same port again after a restart.

    Args:
        decide: from a call to its answer; called under *lock*.
        look_on: called with each request, under *lock*, right before it is decided.
    """

    def __init__(
        self,
        decide: Callable[[Call], Answer],
        look_on: Callable[[RecordedRequest], None],
        *,
        lock: RLock,
        clock: SimulatorClock,
        requests: RequestRecorder,
        faults: FaultPlan,
        latency: Latency,
        compress: bool,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
    ) -> None:
        self._decide, self._look_on, self._lock = decide, look_on, lock
        self._clock, self._requests, self._faults = clock, requests, faults
        self._latency, self._compress = latency, compress
        self.host, self.port = host, port
        self._context = context
        self._connections = 0
        self._handling: set[asyncio.Task[object]] = set()
        self._server: _CountingServer | None = None
        self._listener: asyncio.Server | None = None

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        server = _CountingServer(self._handle, self._next_connection)
        # A client that opens hundreds of connections at once must not meet a full backlog.
        self._listener = await asyncio.get_running_loop().create_server(
            server, self.host, self.port, ssl=self._context, backlog=1024
        )
        self._server = server
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection, with or without a request in flight."""
        listener, self._listener = self._listener, None
        server = self._server
        if listener is None or server is None:
            return
        # asyncio leaks what it has accepted and not yet made into a transport when its server closes (the
        # transport finds no server to attach to): accept no more, and have those made first.
        for sock in listener.sockets:
            asyncio.get_running_loop().remove_reader(sock.fileno())
        for _ in range(_TURNS_OF_ACCEPTING):
            await asyncio.sleep(0)
        server.stopped = True
        listener.close()
        for protocol in server.connections:
            if protocol.transport is not None:
                protocol.transport.abort()
        # What a fault still holds up is not waited for, and not left behind either.
        handling = [task for task in self._handling if not task.done()]
        for task in handling:
            task.cancel()
        if handling:
            await asyncio.wait(handling)
        await server.shutdown(_SHUTDOWN_S)

    def _next_connection(self) -> int:
        self._connections += 1
        return self._connections

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        started = time.monotonic()
        url = request.rel_url
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        record = RecordedRequest(
            number=0,
            method=request.method,
            path=url.raw_path,
            query=MappingProxyType(dict(url.query)) if url.raw_query_string else _NOTHING,
            headers=request.headers,
            body=b"",
            connection=self._server.number_of(request.protocol) if self._server else 0,
            started=started,
            at=self._clock.now(),
            token=token.strip() if scheme.lower() == "bearer" else None,
        )
        self._requests.begin(record)
        task = asyncio.current_task()
        if task is not None:
            self._handling.add(task)
        try:
            if request.can_read_body:
                record.body = await request.read()
            return await self._serve(request, record)
        except ConnectionError:
            # The client went away while it was being answered: what was done is done.
            return web.Response(status=499)
        finally:
            if task is not None:
                self._handling.discard(task)
            self._requests.end(record, time.monotonic())

    async def _serve(self, request: web.BaseRequest, record: RecordedRequest) -> web.StreamResponse:
        latency = self._latency(record) if callable(self._latency) else self._latency
        if latency:
            await asyncio.sleep(latency)
        with self._lock:
            fault = befalling(self._faults, record.method, record.path, record.query)
        if fault is None:
            answer = self._decided(request, record)
            record.status = answer.status
            return await self._send(request, answer)
        record.fault = repr(fault)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        answer = self._decided(request, record) if is_applied(fault) else Answer(0)
        if replaces(fault):
            answer = own_answer(fault)
        if fault.delay_answer:
            await asyncio.sleep(fault.delay_answer)
        if fault.lost is not None:
            record.status = 0
            return _hang_up(request, reset=fault.reset)
        record.status = answer.status
        if fault.cut is not None or fault.drip is not None:
            return await _send_badly(request, answer, fault)
        return await self._send(request, answer)

    def _decided(self, request: web.BaseRequest, record: RecordedRequest) -> Answer:
        call = Call(
            record.method,
            record.path,
            record.query,
            record.body,
            request.headers.get("Content-Type", ""),
            record.token,
        )
        try:
            with self._lock:
                self._look_on(record)
                return self._decide(call)
        except Exception:
            # A callback of a test that raises must fail that test's request loudly, not hang it.
            record.status = 500
            record.fault = "the simulator itself raised"
            raise

    async def _send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        response = web.Response(body=answer.body or None, status=answer.status, headers=_headers(answer))
        if (
            self._compress
            and len(answer.body) > 1024
            and "gzip" in request.headers.get("Accept-Encoding", "")
        ):
            response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        await response.write_eof()
        return response


class _CountingServer(web.Server):
    """aiohttp's server, which also numbers the connections it gets."""

    def __init__(self, handler: Callable[[web.BaseRequest], object], number: Callable[[], int]) -> None:
        super().__init__(handler, access_log=None)  # type: ignore[arg-type]  # its alias is not public
        #: Whose TLS handshake ends only now comes too late: it is dropped.
        self.stopped = False
        self._number = number
        self._numbers: dict[RequestHandler, int] = {}

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        self._numbers[handler] = self._number()
        super().connection_made(handler, transport)
        if self.stopped:
            # Not at once: the handler's own task is about to begin and wants to find it open.
            asyncio.get_running_loop().call_soon(transport.abort)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        self._numbers.pop(handler, None)
        super().connection_lost(handler, exc)

    def number_of(self, handler: RequestHandler) -> int:
        """The number of this connection, counted from 1; 0 when it has gone."""
        return self._numbers.get(handler, 0)


def _headers(answer: Answer) -> dict[str, str]:
    headers = dict(answer.headers)
    if answer.content_type is not None:
        headers.setdefault("Content-Type", answer.content_type)
    return headers


def _hang_up(request: web.BaseRequest, *, reset: bool) -> web.StreamResponse:
    """Close the connection without an answer; aiohttp finds it closed and writes nothing."""
    transport = request.transport
    if transport is not None:
        if reset:
            sock = transport.get_extra_info("socket")
            # Linger on, for 0 seconds: the kernel then sends RST instead of FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
    return web.Response(status=499)


async def _send_badly(request: web.BaseRequest, answer: Answer, fault: Fault) -> web.StreamResponse:
    """Promise the whole body, and send it slowly or not to its end."""
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    response.content_length = len(answer.body)
    await response.prepare(request)
    end = len(answer.body)
    if fault.cut is not None:
        end = int(end * fault.cut) if isinstance(fault.cut, float) else min(fault.cut, end)
    if fault.drip is None:
        await response.write(answer.body[:end])
    else:
        for start in range(0, end, fault.drip_bytes):
            await response.write(answer.body[start : min(start + fault.drip_bytes, end)])
            await asyncio.sleep(fault.drip)
    if end < len(answer.body) and request.transport is not None:
        request.transport.close()
    return response


_NOTHING: MappingProxyType[str, str] = MappingProxyType({})
