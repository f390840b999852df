"""A headless Chromium, driven over its debugging protocol: what a page logs, asks for, and looks like."""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-port=0", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
_COMPLAINTS = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Audits.issueAdded"}


class Page:
    """One page of the browser: `complaints` is what it logged, `requests` what it asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self._session_id: str | None = None
        self.complaints: list[str] = []
        self.requests: list[str] = []

    async def attach(self) -> None:
        target = (await self.send("Target.createTarget", url="about:blank"))["targetId"]
        attached = await self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session_id = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            await self.send(f"{domain}.enable")

    async def send(self, method: str, **params: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session_id:
            message["sessionId"] = self._session_id
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(message)
        return await answer

    async def listen(self) -> None:
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if "error" in told:
                    answer.set_exception(RuntimeError(str(told["error"])))
                else:
                    answer.set_result(told["result"])
            else:
                self._note(told["method"], told["params"])

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method in _COMPLAINTS:
            self.complaints.append(f"{method}: {params}")

    async def open(self, path: Path, *, width: int, dark: bool = False) -> None:
        """Show the file at *path*, *width* CSS pixels wide."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded.clear()
        await self.send("Page.navigate", url=path.as_uri())
        await self._loaded.wait()

    async def ask(self, expression: str) -> Any:
        """What the JavaScript *expression* comes to in the page."""
        told = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def picture(self, *, top: int = 0, height: int | None = None) -> bytes:
        """What it looks like, as PNG: all of it, or *height* pixels from *top* on."""
        size = (await self.send("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": top, "width": size["width"], "height": height or size["height"], "scale": 1}
        shot = await self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    async def print(self) -> bytes:
        """The page on paper, as PDF."""
        printed = await self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        return base64.b64decode(printed["data"])


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """A page of a new Chromium, with an empty profile and no network."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM, *_FLAGS, f"--user-data-dir={profile}",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stderr is not None
            address = ""
            while "ws://" not in address:
                address = (await process.stderr.readline()).decode()
                assert address, "Chromium ended before it listened"
            address = address[address.index("ws://") :].strip()
            # What it goes on saying must not fill the pipe.
            drain = asyncio.create_task(process.stderr.read())
            async with (
                aiohttp.ClientSession() as http,
                http.ws_connect(address, max_msg_size=0) as socket,
            ):
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                try:
                    await page.attach()
                    yield page
                finally:
                    with suppress(ConnectionError):
                        page._session_id = None
                        await page.send("Browser.close")
                    listening.cancel()
            await asyncio.wait({drain, listening})
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
