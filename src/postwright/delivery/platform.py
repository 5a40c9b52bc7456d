"""The platform's own DKIM key: a second signature that stays the same for all customers (delivery-engineering.md 7)."""

import contextlib
import os
import tempfile
from pathlib import Path

from postwright.kernel.settings import Settings, SettingsError
from postwright.mail.dkim import DkimError, Signer, generate_key


def platform_signer(settings: Settings) -> Signer | None:
    """The signer that the setting `platform_dkim` (domain/selector) asks for, or None. Raises SettingsError.

    Its key is in the file `platform_dkim_key`, by default one of our own making in the data folder.
    """
    if not settings.platform_dkim:
        return None
    domain, _, selector = settings.platform_dkim.partition("/")
    path = Path(settings.platform_dkim_key or settings.data_dir / f"dkim-{domain}.pem")
    try:
        if not settings.platform_dkim_key and not path.exists():
            _make(path)
        return Signer(domain, selector, path.read_bytes())
    except (OSError, DkimError) as wrong:
        raise SettingsError(f"POSTWRIGHT_PLATFORM_DKIM={settings.platform_dkim}: {wrong}") from wrong


def _make(path: Path) -> None:
    """Put a new key there, unless another process is faster: all sign with the same."""
    handle, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(generate_key(2048)[0])
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
