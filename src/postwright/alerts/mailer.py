"""Mail that does not go through the queue: one message, one attempt, straight to the receiver's server.

Alerts may be about the queue itself. The way to the server is the one all mail takes (capture inbox, smarthost or MX
hosts); it is encrypted where the server offers that, to whoever it is (RFC 7435): an alert has no secrets.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from postwright.delivery import Destinations, Host, Unroutable
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.http import dates
from postwright.kernel.ids import url_token
from postwright.kernel.settings import Settings
from postwright.mail.dkim import Signer
from postwright.mail.smtp import ConnectError, Disconnected, SmtpClient, SmtpError, Timeouts

# Shorter than for customers' mail: whoever is slow is asked again by the schedule.
TIMEOUTS: Final = Timeouts(
    connect=10.0, greeting=20.0, ehlo=20.0, starttls=10.0, mail=20.0, data=20.0, block=20.0, dot=30.0
)
TOTAL_SECONDS: Final = 60.0


class NotSent(Exception):
    """The message was not taken. `permanent`: it never will be."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(text)


Signing = Callable[[str], Awaitable[Signer | None]]  # who signs for a domain: None when it has no key here


class Mailer:
    """Sends single messages from `alerts@<our name>`, signed with the key of that domain where it is one of ours."""

    def __init__(
        self, settings: Settings, destinations: Destinations, hostname: str, clock: Clock, signing: Signing
    ) -> None:
        self._destinations = destinations
        self._signing = signing
        self._hostname = hostname
        self._clock = clock
        self._from = settings.alerts_from or f"alerts@{hostname}"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    async def send(self, address: str, subject: str, text: str) -> None:
        """Send a message. Raises NotSent."""
        data = self._message(address, subject, text)
        try:
            signer = await self._signing(self._from.rpartition("@")[2].lower())
            if signer is not None:
                data = signer.sign(data, self._clock.now() // SECOND) + data
            async with asyncio.timeout(TOTAL_SECONDS):
                await self._deliver(address, data)
        except TimeoutError as late:
            raise NotSent("timed out") from late

    async def _deliver(self, address: str, data: bytes) -> None:
        domain = address.rpartition("@")[2].lower()
        try:
            hosts = await self._destinations.hosts(domain)
        except Unroutable as nowhere:
            raise NotSent(nowhere.text, permanent=nowhere.permanent) from nowhere
        problem: NotSent | None = None
        for host in hosts:
            for encrypted in (True, False) if host.outside else (False,):
                try:
                    await self._to(host, address, data, encrypted=encrypted)
                    return
                except SmtpError as no:
                    problem = NotSent(f"{host.name}: {no}", permanent=no.reply.code >= 500)
                    break  # it has answered: in clear it would say the same
                except (ConnectError, Disconnected, ssl.SSLError, OSError) as no:
                    problem = problem or NotSent(f"{host.name}: {no}")
                    if isinstance(no, Disconnected) and no.after_dot:
                        break  # it may have the message
        raise problem or NotSent(f"{domain} has no server")

    async def _to(self, host: Host, address: str, data: bytes, *, encrypted: bool) -> None:
        client = await SmtpClient.connect(host.address, host.port, timeouts=TIMEOUTS)
        try:
            await client.ehlo(self._hostname)
            if encrypted and "STARTTLS" in client.capabilities:
                await client.starttls(self._context, server_hostname=host.name)
                await client.ehlo(self._hostname)
            # From nobody: a bounce of an alert would only be another message about the same trouble (RFC 3834 §3.1).
            result = await client.send("", [address], data, smtputf8=not address.isascii())
            reply = result.recipients[0]
            if not reply.ok:
                raise SmtpError(reply)
            await client.quit()
        finally:
            client.abort()

    def _message(self, address: str, subject: str, text: str) -> bytes:
        message = EmailMessage(policy=SMTP.clone(utf8=not address.isascii()))
        message["From"] = f"Postwright alerts <{self._from}>"
        message["To"] = address
        message["Subject"] = " ".join(subject.split())[:200]
        message["Date"] = dates.offset(self._clock.now() // SECOND * SECOND)
        message["Message-ID"] = f"<{url_token(18)}@{self._hostname}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
        message.set_content(text, cte="quoted-printable")
        return message.as_bytes()
