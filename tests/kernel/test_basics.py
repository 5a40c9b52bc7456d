"""Ids, secrets, failpoints."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from postwright.kernel import failpoints
from postwright.kernel.ids import Sequence, event_id, hex_id, key_id
from postwright.kernel.secrets import SecretsError, Vault


def test_sequences_rise_and_never_meet() -> None:
    one, two = Sequence(1), Sequence(2)
    first = [one.next() for _ in range(5000)]
    second = [two.next() for _ in range(5000)]
    assert first == sorted(set(first)) and not set(first) & set(second)
    assert max(first) < 1 << 63


def test_shapes_of_ids() -> None:
    assert len(hex_id()) == 24 and int(hex_id(), 16)
    assert len(event_id()) == 22
    assert [len(part) for part in key_id().split("-")] == [8, 8]


def test_a_vault_opens_only_what_it_sealed_for_that_place(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    vault = Vault.from_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sealed = vault.seal(b"secret", "dkim:1")
    assert b"secret" not in sealed
    assert Vault.from_file(path).open(sealed, "dkim:1") == b"secret"
    with pytest.raises(SecretsError):
        vault.open(sealed, "dkim:2")
    with pytest.raises(SecretsError):
        Vault.from_file(tmp_path / "other.key").open(sealed, "dkim:1")
    path.write_text("nonsense")
    with pytest.raises(SecretsError, match="64 hex digits"):
        Vault.from_file(path)


def test_failpoints_kill_and_fail() -> None:
    program = (
        "from postwright.kernel import failpoints as f; f.arm('a=fail,b=kill@2'); f.hit('x'); f.hit('b')\n"
        "try: f.hit('a')\nexcept f.FailpointError: print('failed', flush=True)\n"
        "f.hit('b'); print('alive', flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-9, "failed\n")
    with pytest.raises(ValueError, match="kill or fail"):
        failpoints.arm("a=explode")
