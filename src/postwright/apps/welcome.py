"""What a person reads when the server is up."""

import os
import sys

from postwright import users
from postwright.kernel.settings import Settings

from .first_run import Welcome
from .supervisor import Supervisor


def show(settings: Settings, supervisor: Supervisor, welcome: Welcome | None) -> None:
    """Print where everything is, and at the first start the secrets, once."""
    lines = ["", "Postwright is running."]
    url = ""
    if "api" in supervisor.roles:
        url = settings.public_url or "http://{}:{}".format(*supervisor.address("http"))
        lines.append(f"  API base URL   {url}")
    if welcome is not None:
        lines.append(f"  API key        {welcome.api_key}")
    if "submission" in supervisor.roles and settings.listen("submission"):
        host, port = supervisor.address("submission")
        lines.append(f"  SMTP           {host} port {port} (STARTTLS offered)")
    if welcome is not None:
        lines += [
            f"  SMTP login     {welcome.smtp_login}",
            f"  SMTP password  {welcome.smtp_password}",
            f"  Sandbox domain {welcome.sandbox}",
        ]
        if welcome.domain != welcome.sandbox:
            lines.append(f"  Your domain    {welcome.domain}")
    lines.append(f"  Delivery       {_delivery(settings)}")
    if welcome is not None and url:
        lines += ["", *_first_steps(settings, url, welcome)]
    if welcome is not None and url:
        lines.append(f"  Panel          {panel_link(url, welcome.password_token)}")
        lines.append(f"                 (choose the password of {welcome.owner}; works once, for 7 days)")
    if welcome is None:
        lines.append("  Keys were shown at the first start; `postwright create-key` makes a new one.")
    print("\n".join(lines) + "\n", flush=True)


def panel_link(url: str, token: str) -> str:
    """Where somebody chooses a password. What is behind the # goes to no server and into no log."""
    return f"{url}{users.WELCOME_PAGE}#token={token}"


def _delivery(settings: Settings) -> str:
    if settings.capture:
        return "capture: nothing leaves this machine, every message goes to the built-in inbox"
    return "live: mail goes to the world" if settings.delivery == "live" else settings.delivery


def _first_steps(settings: Settings, url: str, welcome: Welcome) -> list[str]:
    send = (
        f"  curl -s --user 'api:{welcome.api_key}' {url}/v3/{welcome.domain}/messages "
        f"-F from='Me <me@{welcome.domain}>' -F to=you@example.com -F subject='Hello' -F text='It works.'"
    )
    lines = ["Send a first message:", send]
    if settings.capture:
        lines += [
            "Look into the inbox, and at the events:",
            f"  curl -s --user 'api:{welcome.api_key}' {url}/postwright/v1/capture/messages",
            f"  curl -s --user 'api:{welcome.api_key}' {url}/v3/{welcome.domain}/events",
        ]
    lines.append("The keys above are not shown again." + (" Stop with Ctrl-C." if _at_terminal() else ""))
    return lines


def _at_terminal() -> bool:
    return sys.stdout.isatty() and os.isatty(0)
