"""The panel's sources against the API of this very source tree."""

import subprocess
import sys

from .rig import ROOT, WEB


def test_the_panel_fits_the_api(built: None) -> None:
    described = subprocess.run(
        [sys.executable, ROOT / "tools" / "openapi.py"], capture_output=True, check=True, timeout=120
    )
    (WEB / "openapi.json").write_bytes(described.stdout)
    for script in ("api", "check"):
        done = subprocess.run(
            ["npm", "run", "--silent", script],
            cwd=WEB,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
