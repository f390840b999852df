"""The simulator's face: `SddcManagerSimulator`, an SDDC Manager that runs inside your process."""

import asyncio
import copy
from collections.abc import Coroutine, Iterable
from os import PathLike
from types import TracebackType
from typing import Any, Literal, Self

from vcf_tasks_async.testing.clock import SimulatorClock
from vcf_tasks_async.testing.controls import Controls
from vcf_tasks_async.testing.faults import FaultPlan
from vcf_tasks_async.testing.generator import Generated, Shares, TaskGenerator
from vcf_tasks_async.testing.listing import Listing
from vcf_tasks_async.testing.options import check_options, check_tasks
from vcf_tasks_async.testing.record import RequestRecord, RequestRecorder
from vcf_tasks_async.testing.routes import Api
from vcf_tasks_async.testing.server import Latency, SimulatorServer
from vcf_tasks_async.testing.snapshot_file import Product, Release, Snapshot
from vcf_tasks_async.testing.spelling import Spelling, StatusFilter
from vcf_tasks_async.testing.store import Order
from vcf_tasks_async.testing.threads import SimulatorThread
from vcf_tasks_async.testing.tls import ServerCertificate
from vcf_tasks_async.testing.tokens import TokenOffice
from vcf_tasks_async.testing.world import Life, World

__all__ = ["SddcManagerSimulator"]


class SddcManagerSimulator(Controls):
    """A simulated SDDC Manager (or VCF Installer) that speaks the Tasks API over HTTP or HTTPS.

    Use it as an async context manager, or `in_thread()` from code without an event loop. All methods
    may be called from any thread. Times are seconds of the simulator's clock unless said otherwise.

    Args:
        tasks: how many tasks to generate (500 unless told); or raw task dicts, which are copied and served
            as they are.
        snapshot: a file of `write_snapshot`, in place of *tasks*: its tasks, credential tasks, settings,
            release and product, in its order.
        seed: same seed and same clock start, same tasks (ids too) and same fates.
        release: `4.5` knows no paging, order and name search and no isRetryable; `9.1` adds task
            histories, settings and statuses. None is 9.0, or what a snapshot says.
        product: `vcf-installer` has the user `admin@local`, no credential tasks and no settings, and can
            turn into the other (`become_sddc_manager`).
        page_base: the number of the first page.
        default_page_size: elements when pageSize is not given; None answers all at once.
        reported_page_size: pageMetadata.pageSize is the number of `elements`, or what was `requested`.
        oversize: `clamp` a pageSize over 100, or `reject` it with 400.
        metadata: False sends `"pageMetadata": null`; `"missing"` leaves it out.
        spelling: `mixed` writes a task's `Failed` and a subtask's `FAILED`; `upper`, `title`.
        status_filter: which spelling taskStatus takes: `title`, `upper`, `any`, or `ignored`.
        name_filter: whether taskName is `insensitive` or `sensitive` to case.
        unknown_parameters: `ignore`, or `reject` with 400.
        order: the list's order: `newest`, `oldest`, `name`, or `given` (as handed in); None is `newest`, or
            that of a snapshot.
        order_by: whether orderBy and orderDirection `works`, `fails` with 500, or is `ignored`.
        failed: share of generated tasks that have failed.
        running: share of generated tasks that are under way.
        zombies: share of generated tasks that stay in progress for ever.
        credential_tasks: share of generated tasks that are credential tasks.
        not_retryable: share of the failed tasks whose isRetryable is false.
        retry_succeeds: chance that a retried task ends well.
        running_succeeds: chance that a task which was not retried yet ends well.
        step_seconds: shortest and longest time of a step (a subtask or stage).
        arrivals: new tasks per hour, by themselves.
        stale_failed: seconds for which a retried task still shows its old face.
        cancel_seconds: seconds from DELETE to Cancelled; 0 is at once.
        delete_failed: DELETE of a failed task: `conflict` (documented), `remove` (seen: the record goes).
        zombie_cancel: DELETE of a stuck task: `accept`, or `error` (seen: 500).
        live: whether tasks get on with the clock at all.
        access_token_ttl: seconds an access token lives.
        refresh_token_ttl: seconds a refresh token lives.
        reject_status: 401 or 403, for a missing or expired token.
        login_status: what a login answers: 201 as documented, 200 as seen.
        login_failure: what a wrong login answers: 401 or 400.
        lockout: wrong logins in a row that lock the account for 300 s; None never locks.
        refresh_as: a refresh answers a `json` string, or bare `text`.
        username: who may log in; None takes the product's usual user.
        password: the user's password.
        api_key: what `{"apiKey": …}` takes.
        id_token: what `{"idToken": …}` takes.
        tls: True serves HTTPS with a certificate of its own (see `ca_file` and `fingerprint`).
        latency: real seconds before each request is looked at; or a function of the request.
        compress: gzip bodies for clients that accept it.
        speed: simulated seconds per real second; 0 moves by hand only (`clock.advance`).
        clock: a clock of your own; *speed* is then not used.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.

    Raises:
        ValueError: an option has a value that does not exist; the message lists those which do. Or
            *snapshot* is no snapshot.
        OSError: *snapshot* can't be read.
        ImportError: the `testing` extra is not installed.

    Example:
        >>> import asyncio, urllib.request
        >>> def status(url: str) -> int:
        ...     try:
        ...         return urllib.request.urlopen(url + "/v1/tasks").status
        ...     except urllib.error.HTTPError as refused:
        ...         return refused.code
        >>> async def main() -> int:
        ...     async with SddcManagerSimulator(tasks=3) as sddc:
        ...         return await asyncio.to_thread(status, sddc.url)
        >>> asyncio.run(main())
        401
    """

    def __init__(
        self,
        tasks: int | Iterable[Any] | None = None,
        *,
        snapshot: str | PathLike[str] | None = None,
        seed: int = 0,
        release: Release | None = None,
        product: Product | None = None,
        page_base: Literal[0, 1] = 1,
        default_page_size: int | None = None,
        reported_page_size: Literal["elements", "requested"] = "elements",
        oversize: Literal["clamp", "reject"] = "clamp",
        metadata: bool | Literal["missing"] = True,
        spelling: Spelling = "mixed",
        status_filter: StatusFilter = "title",
        name_filter: Literal["insensitive", "sensitive"] = "insensitive",
        unknown_parameters: Literal["ignore", "reject"] = "ignore",
        order: Order | None = None,
        order_by: Literal["works", "fails", "ignored"] = "works",
        failed: float = 0.12,
        running: float = 0.05,
        zombies: float = 0.0,
        credential_tasks: float = 0.03,
        not_retryable: float = 0.05,
        retry_succeeds: float = 0.9,
        running_succeeds: float = 0.9,
        step_seconds: tuple[float, float] = (5.0, 60.0),
        arrivals: float = 0.0,
        stale_failed: float = 0.0,
        cancel_seconds: float = 0.0,
        delete_failed: Literal["conflict", "remove"] = "conflict",
        zombie_cancel: Literal["accept", "error"] = "accept",
        live: bool = True,
        access_token_ttl: float = 3600.0,
        refresh_token_ttl: float = 86400.0,
        reject_status: Literal[401, 403] = 401,
        login_status: Literal[200, 201] = 201,
        login_failure: Literal[400, 401] = 401,
        lockout: int | None = 5,
        refresh_as: Literal["json", "text"] = "json",
        username: str | None = None,
        password: str = "VMw@re1!VMw@re1!",  # noqa: S107 - a test double's, for everybody to know
        api_key: str = "simulated-api-key",
        id_token: str = "simulated-id-token",  # noqa: S107 - as above
        tls: bool = False,
        latency: Latency = 0.0,
        compress: bool = False,
        speed: float = 1.0,
        clock: SimulatorClock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if snapshot is not None and tasks is not None:
            raise ValueError("tasks and snapshot don't go together: give one of them")
        kept = None if snapshot is None else Snapshot(snapshot)
        release = release or (kept and kept.known_release) or "9.0"
        product = product or (kept and kept.known_product) or "sddc-manager"
        order = order or ("newest" if kept is None else "given")
        tasks = 500 if tasks is None else tasks
        check_tasks(tasks)
        check_options(locals())
        super().__init__()
        if username is None:
            username = "admin@local" if product == "vcf-installer" else "administrator@vsphere.local"
        self.username, self.password = username, password
        self.api_key, self.id_token = api_key, id_token
        self.release, self.product = release, product
        self.clock = clock if clock is not None else SimulatorClock(speed=speed)
        self.faults = FaultPlan()
        recorder = RequestRecorder()
        self.requests: RequestRecord = recorder
        #: The loop of the thread that serves, while `in_thread()` is in charge.
        self._serving_loop: asyncio.AbstractEventLoop | None = None
        self._spelling: Spelling = spelling
        life = Life(
            seed=seed,
            release=release,
            spelling=spelling,
            live=live,
            retry_succeeds=retry_succeeds,
            running_succeeds=running_succeeds,
            step_seconds=step_seconds,
            stale_failed=stale_failed,
            cancel_seconds=cancel_seconds,
        )
        self._world = World(self.clock, order, life)
        self._generator = TaskGenerator(
            seed, now=self.clock.now(), release=release, product=product, spelling=spelling
        )
        if kept is not None:
            for made in kept.tasks():
                self._world.settle_in(made)
        elif isinstance(tasks, int):
            shares = Shares(
                failed, running, zombies, credentials=credential_tasks, not_retryable=not_retryable
            )
            for made in self._generator.make(tasks, shares):
                self._world.settle_in(made)
        else:
            for raw in tasks:
                self._world.settle_in(Generated(copy.deepcopy(raw)))
        if arrivals:
            gap = 3600.0 / arrivals
            self._world.arrivals(self.clock.now() + gap, lambda at: self._arrive(at) + gap)
        self._tokens = TokenOffice(
            self.clock,
            username=username,
            password=password,
            api_key=api_key,
            id_token=id_token,
            access_ttl=access_token_ttl,
            refresh_ttl=refresh_token_ttl,
            created_status=login_status,
            failure_status=login_failure,
            lockout=lockout,
            refresh_as=refresh_as,
        )
        listing = Listing(
            release=release,
            page_base=page_base,
            default_page_size=default_page_size,
            reported_page_size=reported_page_size,
            oversize=oversize,
            metadata=metadata,
            status_filter=status_filter,
            name_filter=name_filter,
            unknown_parameters=unknown_parameters,
            order_by=order_by,
        )
        self._api = Api(
            self._world,
            self._tokens,
            listing,
            release=release,
            product=product,
            reject_status=reject_status,
            delete_failed=delete_failed,
            zombie_cancel=zombie_cancel,
        )
        if kept is not None:
            self._api.take_settings(kept.settings)
        self._certificate = ServerCertificate(host) if tls else None
        self._server = SimulatorServer(
            self._api.answer,
            self._look_on,
            lock=self._lock,
            clock=self.clock,
            requests=recorder,
            faults=self.faults,
            latency=latency,
            compress=compress,
            host=host,
            port=port,
            context=self._certificate.context if self._certificate else None,
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __repr__(self) -> str:
        state = self.url if self._server.running else "not started"
        return f"<SddcManagerSimulator {self.release} {state}, {len(self._world.entries)} tasks>"

    async def start(self) -> None:
        """Listen; after a `stop`, on the same port and with everything as it was.

        Raises:
            OSError: the port is taken.
        """
        await self._where_it_serves(self._server.start())

    async def stop(self) -> None:
        """Stop listening and drop all connections; tasks, tokens and the record stay."""
        await self._where_it_serves(self._server.stop())

    async def _where_it_serves(self, work: Coroutine[Any, Any, None]) -> None:
        serving = self._serving_loop
        if serving is None or serving is asyncio.get_running_loop():
            await work
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, serving))

    def in_thread(self) -> SimulatorThread:
        """Run in a thread of its own, for code without an event loop (or with one that must not serve).

        Example:
            >>> with SddcManagerSimulator(tasks=3).in_thread() as sddc:
            ...     print(len(sddc.tasks))
            3
        """
        return SimulatorThread(self)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end: `http://127.0.0.1:41233`."""
        scheme = "https" if self._certificate else "http"
        host = f"[{self._server.host}]" if ":" in self._server.host else self._server.host
        return f"{scheme}://{host}:{self._server.port}"

    @property
    def ca_file(self) -> str:
        """The PEM file of the authority to trust. Raises ValueError without `tls=True`."""
        return self._tls().ca_file

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the server's certificate, 64 hex digits. Raises ValueError without `tls=True`."""
        return self._tls().fingerprint

    def _tls(self) -> ServerCertificate:
        if self._certificate is None:
            raise ValueError(f"{self!r} serves plain HTTP: start it with tls=True")
        return self._certificate
