"""A headless Chromium over a pipe: looks at pages of this repository, and at nothing else. Ends what it started."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-sync "
    "--disable-extensions --no-first-run --hide-scrollbars --remote-debugging-pipe"
)
PATIENCE = 60.0  # seconds


def find_chromium() -> str | None:
    """Where a Chromium is on this machine, None without one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab."""

    def __init__(self, folder: Path) -> None:
        read, to_browser = os.pipe()
        self._from_browser, write = os.pipe()
        self._to_browser = to_browser
        command = f'exec {find_chromium()} {FLAGS} --user-data-dir="$1" about:blank 3<&{read} 4>&{write}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, "bash", str(folder / "profile")], pass_fds=(read, write), stderr=subprocess.DEVNULL
        )
        os.close(read)
        os.close(write)
        self._rest, self._number, self._session = b"", 0, None
        targets = self._call("Target.getTargets")["targetInfos"]
        tab = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        os.close(self._to_browser)
        os.close(self._from_browser)

    def open(self, path: Path, *, width: int = 1280, height: int = 900, media: str = "", scheme: str = "light") -> None:
        """Show a file in a window of this size, as on a screen or in print."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", media=media, features=features)
        self._call("Page.navigate", url=path.resolve().as_uri())
        end = time.monotonic() + PATIENCE
        while not self.ask(f"document.readyState === 'complete' && location.pathname.endsWith('{path.name}')"):
            assert time.monotonic() < end, "the page did not load"
            time.sleep(0.02)

    def ask(self, expression: str) -> Any:
        """The value of an expression on the page."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self, selector: str = "body") -> bytes:
        """A PNG of the first element that matches, also of what lies outside the window."""
        box = self.ask(
            f"(() => {{const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            "return {x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height}})()"
        )
        found = self._call("Page.captureScreenshot", clip={**box, "scale": 1}, captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def pdf(self) -> bytes:
        """The page on paper, by its own print rules."""
        return base64.b64decode(self._call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        told = json.dumps({"id": self._number, "method": method, "params": params, **session})
        os.write(self._to_browser, told.encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = json.loads(self._message(end))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _message(self, end: float) -> bytes:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from_browser], [], [], max(end - time.monotonic(), 0))
            assert ready, "Chromium says nothing"
            part = os.read(self._from_browser, 1 << 16)
            assert part, "Chromium has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return message
