"""What the benchmarks share: a server of our own, a sink, a load, and the processor time they took."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
DOMAIN = "bench.test"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def tool(*words, capture=True):
    """Start one verb of `bench.wire` as a process."""
    command = [sys.executable, "-m", "bench.wire", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE if capture else None, text=True)


def result(process, timeout=600):
    out, _ = process.communicate(timeout=timeout)
    if process.returncode:
        raise SystemExit(f"{process.args} failed")
    return json.loads(out)


class Sink:
    """A counting sink in a process of its own."""

    def __init__(self, expect, *more, port=None, host="127.0.0.1"):
        self.port = port or free_port()
        self.process = tool("sink", "--port", self.port, "--expect", expect, "--idle", 20, *more)
        wait_port(self.port, host=host)

    def result(self):
        return result(self.process)


def wait_port(port, seconds=10, host="127.0.0.1"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex((host, port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


class Server:
    """`postwright serve` on fresh data, with a domain that may send."""

    def __init__(self, **settings):
        self.data = Path(tempfile.mkdtemp(prefix="postwright-bench-", dir=os.environ.get("BENCH_DIR")))
        self.key = secrets.token_hex(16)
        self.http, self.submission, self.mx = free_port(), free_port(), free_port()
        env = {k: v for k, v in os.environ.items() if not k.startswith("POSTWRIGHT_")}
        env |= {
            "POSTWRIGHT_DATA": str(self.data),
            "POSTWRIGHT_API_KEY": self.key,
            "POSTWRIGHT_DOMAIN": DOMAIN,
            "POSTWRIGHT_HTTP": f"127.0.0.1:{self.http}",
            "POSTWRIGHT_SUBMISSION": f"127.0.0.1:{self.submission}",
            "POSTWRIGHT_MX": f"127.0.0.1:{self.mx}",
            "POSTWRIGHT_VERIFY_DOMAINS": "trust",
            "POSTWRIGHT_RATE_LIMITS": "off",
            "POSTWRIGHT_ALLOW_PRIVATE_TARGETS": "yes",
            "POSTWRIGHT_LOG_LEVEL": "warning",
        }
        self.env = env
        self.start(**settings)

    def start(self, **settings):
        """Start it (again), with other settings."""
        self.env |= {f"POSTWRIGHT_{name.upper()}": str(value) for name, value in settings.items()}
        self.log = open(self.data / "server.log", "w")  # noqa: SIM115  open as long as the server runs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "postwright.apps.cli", "serve"],
            env=self.env,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self._wait()
        self.began = self.cpu()

    def _wait(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/postwright/health", timeout=1):
                    return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise SystemExit(f"the server did not start:\n{(self.data / 'server.log').read_text()[-3000:]}")

    def cpu(self):
        """Processor seconds of each role so far."""
        used = {}
        for pid in [self.process.pid, *children(self.process.pid)]:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used[pid] = (int(fields[11]) + int(fields[12])) / TICKS
        return used

    def cpu_since_start(self):
        return sum(self.cpu().values()) - sum(self.began.values())

    def peak_memory(self):
        """Largest resident size of any process, in MB."""
        sizes = []
        for pid in children(self.process.pid):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    sizes.append(int(line.split()[1]) / 1024)
        return round(max(sizes), 1)

    def url(self, path):
        return f"http://127.0.0.1:{self.http}{path}"

    def end(self):
        """Stop it; its data stay."""
        self.process.terminate()
        self.process.wait(40)
        self.log.close()

    def stop(self):
        self.end()
        shutil.rmtree(self.data)


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def role_of(pid):
    """Which role a process has: its metrics are in a file of that name. Raises FileNotFoundError."""
    found = re.search(r"/metrics/(\w+)-\d+\.values", Path(f"/proc/{pid}/maps").read_text())
    return found[1] if found else "other"


def form_template(folder, to="user@sink.test", **more):
    """A multipart send with a text part of the size that `bench.wire http --size` says; `more` fields."""
    boundary = "benchboundary"
    fields = {
        "from": f"Sender <sender@{DOMAIN}>",
        "to": to,
        "subject": "load {token}",
        "text": "{body_json}",
        "o:tag": "bench",
        "v:run": "bench",
    } | {name.replace("_", "-"): value for name, value in more.items()}
    lines = []
    for name, value in fields.items():
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    lines += [f"--{boundary}--", ""]
    path = Path(folder) / "form.txt"
    path.write_bytes("\r\n".join(lines).encode().replace(b"{body_json}", b"{body_text}"))
    return path, f"multipart/form-data; boundary={boundary}"


def post_load(server, count, conns, size, *more, to="user@sink.test", **fields):
    path, kind = form_template(server.data, to, **fields)
    return tool(
        "http", "--url", server.url(f"/v3/{DOMAIN}/messages"), "--template", path, "--type", kind,
        "--auth", f"api:{server.key}", "--count", count, "--conns", conns, "--size", size, *more,
    )  # fmt: skip


def table(rows, columns):
    widths = [max(len(str(row.get(c, ""))) for row in [{c: c}, *rows]) for c in columns]
    for row in [{c: c for c in columns}, *rows]:
        print("  ".join(str(row.get(c, "")).ljust(w) for c, w in zip(columns, widths, strict=True)))
