"""A real browser for pages that people see: the machine's Chromium."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_INSTALL = (
    "apt-get update -qq && "
    "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium"
)


def _find() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


def executable() -> str:
    """Where Chromium is; installed first where that can be done. Without one the test is skipped, in CI it fails."""
    found = _find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(
            ["sh", "-c", _INSTALL], stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=False
        )
        found = _find()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium, and it cannot be installed here (Debian: apt-get install chromium)")
        pytest.skip("no Chromium here")
    return found


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Chromium, without a window."""
    async with async_playwright() as playwright:
        # Root has no sandbox, and containers have little shared memory.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        chromium = await playwright.chromium.launch(executable_path=executable(), args=arguments)
        try:
            yield chromium
        finally:
            await chromium.close()
