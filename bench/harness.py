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
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

import dkim

from .usage import Peak, cpu_seconds

ROOT = Path(__file__).parents[1]
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
        self.peak = Peak(self.process.pid)

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
        """Processor seconds of all roles so far."""
        return cpu_seconds(self.process.pid)

    def cpu_since_start(self):
        return self.cpu() - self.began

    def peak_memory(self):
        """The most that all processes held together since the start, in MB (PSS)."""
        return self.peak.end()

    def url(self, path):
        return f"http://127.0.0.1:{self.http}{path}"

    def call(self, method, path, fields=None):
        """The JSON answer to one request with form fields."""
        data = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(self.url(path), data, method=method)
        request.add_header("Authorization", "Basic " + b64encode(f"api:{self.key}".encode()).decode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

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


def form_template(folder, fields):
    """A multipart body with these fields, and its content type; the field `message` is a file."""
    boundary = "benchboundary"
    lines = []
    for name, value in fields.items():
        file = '; filename="message.eml"' if name == "message" else ""
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"{file}', "", value]
    lines += [f"--{boundary}--", ""]
    path = Path(folder) / "form.txt"
    path.write_text("\r\n".join(lines), newline="")
    return path, f"multipart/form-data; boundary={boundary}"


def post_load(server, count, conns, size, *more, to="user@sink.test", mime=False, **fields):
    """Messages with a text of `size` over HTTP: parts of one in a form, or as MIME; `more` options and fields."""
    sender, subject, text = f"Sender <sender@{DOMAIN}>", "load {token}", "{body_text}"
    if mime:
        head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
        content = {"message": f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"}
    else:
        content = {"from": sender, "subject": subject, "text": text}
    content |= {"to": to, "o:tag": "bench", "v:run": "bench"}
    content |= {name.replace("_", "-"): value for name, value in fields.items()}
    path, kind = form_template(server.data, content)
    where = f"/v3/{DOMAIN}/messages{'.mime' if mime else ''}"
    return tool(
        "http", "--url", server.url(where), "--template", path, "--type", kind,
        "--auth", f"api:{server.key}", "--count", count, "--conns", conns, "--size", size, *more,
    )  # fmt: skip


def arrivals(load, sink, folder, record):
    """What came of a load, as the sink saw it; `record` is the DNS record of the key.

    The sink was told to write `ids` and to save a message below `folder`, the load to write `acked`. The rate is that
    from the first message sent to the last that arrived.
    """
    sent = result(load)
    if not sent["submitted"]:
        raise RuntimeError(f"no message was accepted; refused: {sent['refused']}, lost: {sent['lost']}")
    seen = sink.result()
    checked = result(tool("verify", "--acked", folder / "acked", "--ids", folder / "ids"))
    (message,) = (folder / "saved").glob("*.eml")
    span = seen["last_monotonic"] - sent["first_monotonic"]
    return {
        "msg/s": round(seen["messages"] / span, 1),
        "accept msg/s": sent["rate_per_s"],
        "p50 ms": seen["latency_ms"]["p50"],
        "p99 ms": seen["latency_ms"]["p99"],
        "signed": seen["headers"]["DKIM-Signature"],
        "verifies": dkim.verify(message.read_bytes(), dnsfunc=lambda *_, **__: record.encode()),
        "exactly once": checked["exactly_once"],
    }


def table(rows, columns):
    widths = [max(len(str(row.get(c, ""))) for row in [{c: c}, *rows]) for c in columns]
    for row in [{c: c for c in columns}, *rows]:
        print("  ".join(str(row.get(c, "")).ljust(w) for c, w in zip(columns, widths, strict=True)))
