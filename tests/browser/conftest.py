"""A real browser, looked over while it works."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect, sync_playwright

#: No first-run pages, no updates, no services of the maker: nothing leaves this machine.
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Milliseconds; a busy machine takes its time, and a fault is no less one for it.
PATIENCE = 20_000

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Find the browser, or leave the test out; in CI a missing browser is a failure."""
    found = shutil.which("chromium")
    if found:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("CI runs every test, but chromium is not installed", pytrace=False)
    pytest.skip("chromium is not installed")


class Watch:
    """What the pages did that they should not do."""

    def __init__(self, page: Page, host: str) -> None:
        self.faults: list[str] = []
        self._host = host
        page.on("console", lambda line: self._note(line.type == "error", line.text))
        page.on("pageerror", lambda error: self._note(True, str(error)))
        page.on("request", self._request)

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        outside = address.scheme not in {"data", "blob"} and address.netloc != self._host
        self._note(outside, f"asked for {request.url}")

    def _note(self, fault: bool, text: str) -> None:
        if fault:
            self.faults.append(text)


@pytest.fixture
def browser(
    chromium: str, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrowserContext]:
    """Start a browser with an empty profile, in the colours of ``scheme``."""
    # Playwright runs an event loop in this thread, though nothing here is asynchronous.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium,
            args=ARGUMENTS,
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": 1280, "height": 800},
            accept_downloads=True,
        )
        try:
            yield context
        finally:
            context.close()
