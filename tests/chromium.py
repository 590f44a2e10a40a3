"""Chromium without a window, driven by its DevTools protocol: JSON messages that end in a NUL."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = "--headless --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe".split()


class Browser:
    """A browser with one page, which it closes at the end of a `with` block.

    Args:
        folder: for the browser's own files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.count, self.session = folder, 0, {}

    def __enter__(self) -> "Browser":
        theirs, ours = os.pipe(), os.pipe()

        def connect() -> None:
            """The browser reads from file descriptor 3 and writes to 4."""
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs[0], ours[1])]
            for end, number in zip(ends, (3, 4), strict=True):
                os.dup2(end, number)

        command = [str(PROGRAM), *FLAGS, f"--user-data-dir={self.folder}"]
        self.process = subprocess.Popen(
            command, close_fds=False, preexec_fn=connect, stderr=subprocess.DEVNULL
        )
        os.close(theirs[0])
        os.close(ours[1])
        self.to, self.answers = open(theirs[1], "wb"), open(ours[0], "rb")
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.session = {"sessionId": session}
        return self

    def __exit__(self, *exception: object) -> None:
        self.to.close()  # Chromium ends
        self.answers.close()
        self.process.wait()

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a method of the protocol."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters, **self.session}
        self.to.write(json.dumps(message).encode() + b"\0")
        self.to.flush()
        while (answer := self.read()).get("id") != self.count:
            pass  # an event
        assert "error" not in answer, answer
        return answer["result"]

    def read(self) -> Any:
        """The next message."""
        content = b"".join(iter(lambda: self.answers.read(1), b"\0"))
        return json.loads(content)

    def open(self, path: Path, width: int = 1200, height: int = 900, scheme: str = "light") -> None:
        """Open a file in a window of this size, with a light or dark color scheme."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=path.as_uri())
        loaded = "document.readyState === 'complete' ? done() : (onload = done)"
        self.evaluate(f"new Promise((done) => {loaded})")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, after the promise that it may be."""
        options = {"awaitPromise": True, "returnByValue": True}
        answer = self.call("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def draw(self, points: list[tuple[float, float]], pointer: str = "mouse") -> None:
        """Press the pointer at the first point, move it over the others, and release it."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            options = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": pointer}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **options)

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG file."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
