"""Other mail servers, doing what `bench.deliver` does: SMTP in, durable queue, DKIM RSA-2048, SMTP to a sink.

Installed by name: Postfix and OpenDKIM from Debian, Haraka from npm (below `build/peers`). They run on loopback, on
free ports, with folders and settings of their own beside those of the machine; each is stopped after its row. Postfix
wants root. All of them relay for loopback without a login, know no DNS and get the same load, over SMTP.
"""

import os
import shutil
import subprocess
import tempfile
import time
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .harness import DOMAIN, ROOT, Sink, arrivals, free_port, tool, wait_port
from .usage import Peak, cpu_seconds

FOLDER = ROOT / "build" / "peers"
HARAKA = FOLDER / "node_modules" / "Haraka" / "bin" / "haraka"
POSTFIX = Path("/usr/lib/postfix/sbin/master")
DEBIAN = ("postfix", "opendkim", "libidn12")
SELECTOR = "s1"
BEST = ("in_flow_delay = 0", "max_use = 5000")

# What mail that is relayed needs of Postfix's services: name, type, private, unprivileged, chroot, wake-up, most
# processes, command.
SERVICES = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Missing(Exception):
    """A peer that cannot run here; the text says what to do."""


def install():
    """Get the peers that are not here, and say why one is not to be had. Debian's packages start no service."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    if not (POSTFIX.exists() and shutil.which("opendkim")):
        chosen = "postfix postfix/main_mailer_type select No configuration\n"
        _try(["debconf-set-selections"], env, input=chosen)
        command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *DEBIAN]
        if not _try(command, env):
            _try(["apt-get", "update", "-qq"], env)
            _try(command, env)
    if not HARAKA.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        _try(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(FOLDER), "Haraka"], env
        )


def _try(command, env, **more):
    try:
        done = subprocess.run(command, env=env, timeout=240, capture_output=True, text=True, **more)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{command[0]}: {error}", flush=True)
        return False
    if done.returncode:
        print(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}", flush=True)
    return done.returncode == 0


def measured(options, serve, what):
    """One row of a peer: `serve` is given a folder and the sink's port."""
    with _folder() as folder:
        key = _key(folder)
        saved = folder / "saved"
        sink = Sink(options.count, "--header", "DKIM-Signature", "--ids", folder / "ids", "--save", saved)
        with serve(folder, sink.port) as (port, pids):
            peak, before = Peak(*pids), cpu_seconds(*pids)
            load = tool(
                "send", "--port", port, "--count", options.count, "--size", options.size, "--conns", options.conns,
                "--acked", folder / "acked", "--pipelining", "--sender", f"sender@{DOMAIN}",
            )  # fmt: skip
            row = arrivals(load, sink, folder, key)
            used = cpu_seconds(*pids) - before
            return (
                {"what": what}
                | row
                | {
                    "CPU µs/msg": round(used / options.count * 1e6),
                    "peak MB": peak.end(),
                }
            )


@contextmanager
def _folder():
    path = Path(tempfile.mkdtemp(prefix="peer-bench-", dir=os.environ.get("BENCH_DIR")))
    path.chmod(0o755)  # a peer's processes give root up
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _key(folder):
    """Write a new key; what DNS would say of it."""
    key = rsa.generate_private_key(65537, 2048)
    path = folder / "key.pem"
    path.touch(0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "v=DKIM1; k=rsa; p=" + b64encode(public).decode()


@contextmanager
def _running(command, log, **more):
    """A process in the foreground, asked to end and then forced."""
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, **more)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listening(process, port, log):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return wait_port(port, 0.5)
        except SystemExit:
            continue
    raise Missing(f"it did not start: {log.read_text()[-400:].strip()}")


@contextmanager
def _opendkim(folder):
    port = free_port()
    settings = folder / "opendkim.conf"
    settings.write_text(
        f"Mode s\nSyslog no\nCanonicalization relaxed/relaxed\nDomain {DOMAIN}\nSelector {SELECTOR}\n"
        f"KeyFile {folder}/key.pem\nSocket inet:{port}@127.0.0.1\nInternalHosts 127.0.0.1\nRequireSafeKeys no\n"
    )
    log = folder / "opendkim.log"
    with _running([shutil.which("opendkim") or "opendkim", "-f", "-x", str(settings)], log) as process:
        _listening(process, port, log)
        yield process, port


def postfix(*more):
    """Postfix that has its messages signed by OpenDKIM; `more` settings."""

    @contextmanager
    def serve(folder, sink):
        if os.geteuid():
            raise Missing("Postfix wants root")
        if not (POSTFIX.exists() and shutil.which("opendkim")):
            raise Missing("not installed: python -m bench --install-peers")
        etc, spool, lib = (folder / name for name in ("etc", "spool", "lib"))
        for path in (etc, spool, lib):
            path.mkdir()
        shutil.chown(lib, "postfix")
        port = free_port()
        (etc / "master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd{SERVICES}")
        log = folder / "postfix.log"
        with _opendkim(folder) as (signer, milter):
            lines = (
                "compatibility_level = 3.6",
                f"queue_directory = {spool}",
                f"data_directory = {lib}",
                "command_directory = /usr/sbin",
                f"daemon_directory = {POSTFIX.parent}",
                "mail_owner = postfix",
                "setgid_group = postdrop",
                "myhostname = peer.bench.test",
                "mydestination =",
                "local_recipient_maps =",
                "alias_maps =",
                "alias_database =",
                "inet_interfaces = 127.0.0.1",
                "inet_protocols = ipv4",
                "mynetworks = 127.0.0.0/8",
                f"relayhost = [127.0.0.1]:{sink}",
                "smtp_dns_support_level = disabled",
                "smtp_tls_security_level = none",
                "smtpd_tls_security_level = none",
                f"smtpd_milters = inet:127.0.0.1:{milter}",
                "milter_default_action = tempfail",
                f"maillog_file = {log}",
                f"maillog_file_prefixes = {folder}",
                *more,
            )
            (etc / "main.cf").write_text("\n".join(lines) + "\n")
            check = ["/usr/sbin/postfix", "-c", str(etc), "check"]  # makes the queue's folders
            subprocess.run(check, timeout=30, capture_output=True)
            with _running([POSTFIX, "-c", etc, "-s"], folder / "master.log") as master:
                _listening(master, port, folder / "master.log")
                yield port, (master.pid, signer.pid)

    return serve


@contextmanager
def haraka(folder, sink):
    """Haraka that signs and relays, a process for each of two cores."""
    if not HARAKA.exists():
        raise Missing("not installed: python -m bench --install-peers")
    home, port = folder / "haraka", free_port()
    config = home / "config"
    signing = config / "dkim" / DOMAIN
    signing.mkdir(parents=True)
    shutil.copy(folder / "key.pem", signing / "private")
    (signing / "selector").write_text(SELECTOR)
    files = {
        "plugins": "relay\ndkim\n",
        "me": "peer.bench.test\n",
        "host_list": "\n",
        "relay_acl_allow": "127.0.0.0/8\n",
        "relay.ini": "[relay]\nacl=true\nforce_routing=true\n",
        "relay_dest_domains.ini": f'[domains]\nany={{"action":"accept","nexthop":"127.0.0.1:{sink}"}}\n',
        "smtp.ini": f"listen=127.0.0.1:{port}\nnodes=2\n",
        "log.ini": "[main]\nlevel=warn\n",
        "outbound.ini": "enable_tls=false\nlocal_mx_ok=true\n",
        "dkim.ini": "[sign]\nenabled=true\n[verify]\nenabled=false\n",
    }
    for name, text in files.items():
        (config / name).write_text(text)
    shutil.copy(
        HARAKA.parents[1] / "config" / "connection.ini", config
    )  # it has no defaults of its own for some
    (home / "queue").mkdir()
    log = folder / "haraka.log"
    with _running([shutil.which("node") or "node", HARAKA, "-c", home], log) as process:
        _listening(process, port, log)
        time.sleep(2)  # its workers share the port and may not all be there yet
        yield port, (process.pid,)
