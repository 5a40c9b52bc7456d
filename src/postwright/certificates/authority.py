"""A certification authority over ACME (RFC 8555), one step at a time.

The library blocks: each function here is one short exchange, run in a thread by the issuer, which does the waiting
and the storing between them. An exchange takes at most a few requests of NETWORK_SECONDS.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import requests
from acme import challenges, errors, messages
from acme.client import ClientNetwork, ClientV2
from acme.crypto_util import make_csr
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from josepy.errors import DeserializationError
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from postwright.kernel.clock import SECOND
from postwright.kernel.settings import Settings

from .records import Issued

NETWORK_SECONDS = 15
NONCES = 6  # tried for a request
MAX_CHAIN = 65_536  # characters


class IssueFailed(Exception):
    """No certificate this time. `wait`: seconds the authority asks us to stay away; `counts`: it looked and said no.

    `forgotten`: it does not know our account any more.
    """

    def __init__(
        self, text: str, *, wait: float = 0.0, counts: bool = False, forgotten: bool = False
    ) -> None:
        super().__init__(text)
        self.wait = wait
        self.counts = counts
        self.forgotten = forgotten


class Order(msgspec.Struct):
    """An order under way. `answers`: what to say at which token."""

    resource: Any
    answers: dict[str, str]
    asked: list[Any]  # challenge bodies


class _Network(ClientNetwork):
    """Remembers what the authority last said about coming back, and is patient with its nonces."""

    retry_after = 0.0

    def post(self, *args: Any, **kwargs: Any) -> Any:
        """As the library's, which tries a second nonce, and no third (RFC 8555 §6.5 leaves it open)."""
        for _ in range(NONCES - 2):
            try:
                return super()._post_once(*args, **kwargs)
            except messages.Error as said:
                if said.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        answer = super()._send_request(method, url, *args, **kwargs)
        self.retry_after = _seconds(answer.headers.get("Retry-After", ""))
        return answer


def _seconds(text: str) -> float:
    """A Retry-After header in seconds, at most a day; 0 for none, or a date."""
    return min(float(text), 86400.0) if text.isdecimal() else 0.0


class Authority:
    """One authority and our account there, for a few exchanges. `key`: the account's, PEM."""

    def __init__(self, settings: Settings, key: bytes) -> None:
        self._settings = settings
        loaded = serialization.load_pem_private_key(key, None)
        self._key = JWKEC(key=loaded)
        self._network = _Network(
            self._key,
            alg=ES256,
            user_agent="Postwright",
            timeout=NETWORK_SECONDS,
            # A path is what `requests` takes here, whatever the library's annotation says.
            verify_ssl=settings.acme_ca or True,  # type: ignore[arg-type]
        )
        # Neither proxies nor passwords of the environment.
        self._network.session.trust_env = False
        self._client: ClientV2 | None = None

    def sign_in(self, uri: str) -> str:
        """Read the directory and use our account, registering it when `uri` is "". Its URI. Raises IssueFailed."""
        return str(self._try(self._sign_in, uri))

    def _sign_in(self, uri: str) -> str:
        directory = ClientV2.get_directory(self._settings.acme_directory, self._network)
        self._client = ClientV2(directory, self._network)
        if uri:
            self._network.account = messages.RegistrationResource(uri=uri, body=messages.Registration())
            return uri
        binding = None
        if self._settings.acme_eab_kid:
            binding = messages.ExternalAccountBinding.from_data(
                self._key.public_key(), self._settings.acme_eab_kid, self._settings.acme_eab_key, directory
            )
        try:
            made = self._client.new_account(
                messages.NewRegistration.from_data(
                    email=self._settings.acme_email or None,
                    terms_of_service_agreed=True,
                    external_account_binding=binding,
                )
            )
        except errors.ConflictError as known:  # registered before, by a process that died then
            self._network.account = messages.RegistrationResource(
                uri=known.location, body=messages.Registration()
            )
            return str(known.location)
        return str(made.uri)

    def order(self, host: str, key: bytes) -> Order:
        """Order a certificate for `host` with its (PEM) key. Raises IssueFailed."""
        found: Order = self._try(self._order, host, key)
        return found

    def _order(self, host: str, key: bytes) -> Order:
        made = self._connected.new_order(make_csr(key, [host]))
        order = Order(made, {}, [])
        for authorization in made.authorizations:
            if authorization.body.status == messages.STATUS_VALID:
                continue  # proven not long ago
            for challenge in authorization.body.challenges:
                if isinstance(challenge.chall, challenges.HTTP01):
                    token = challenge.chall.encode("token")
                    order.answers[token] = challenge.chall.validation(self._key)
                    order.asked.append(challenge)
                    break
            else:
                raise IssueFailed("the authority offers no HTTP-01 challenge", counts=True)
        return order

    def prove(self, order: Order) -> None:
        """Tell the authority that the answers can be fetched. Raises IssueFailed."""
        self._try(self._prove, order.asked)

    def _prove(self, asked: Iterable[Any]) -> None:
        for challenge in asked:
            self._connected.answer_challenge(challenge, challenge.chall.response(self._key))

    def is_proven(self, order: Order) -> bool:
        """Whether the authority is satisfied; False: not yet. Raises IssueFailed when it is not."""
        return bool(self._try(self._is_proven, order))

    def _is_proven(self, order: Order) -> bool:
        for authorization in order.resource.authorizations:
            found, _ = self._connected.poll(authorization)
            if found.body.status == messages.STATUS_PENDING:
                return False
            if found.body.status != messages.STATUS_VALID:
                problems = [str(one.error) for one in found.body.challenges if one.error is not None]
                raise IssueFailed("; ".join(problems) or f"authorization {found.body.status}", counts=True)
        return True

    def finalize(self, order: Order) -> None:
        """Ask for the certificate. Raises IssueFailed."""
        self._try(self._connected.begin_finalization, order.resource)

    def fetch(self, order: Order, host: str, key: bytes) -> Issued | None:
        """The certificate, or None when it is not ready. Raises IssueFailed."""
        found: Issued | None = self._try(self._fetch, order, host, key)
        return found

    def _fetch(self, order: Order, host: str, key: bytes) -> Issued | None:
        body = messages.Order.from_json(self._get(order.resource.uri).json())
        if body.status == messages.STATUS_INVALID:
            raise IssueFailed(str(body.error or "the authority gave the order up"), counts=True)
        if body.status != messages.STATUS_VALID or body.certificate is None:
            return None
        return read_chain(self._get(body.certificate).text, host, key)

    def _get(self, url: str) -> Any:
        """A signed look (RFC 8555 §6.3). The library's own way to wait for an order sleeps before each."""
        return self._network.post(url, None, new_nonce_url=self._connected.directory["newNonce"])

    @property
    def _connected(self) -> ClientV2:
        assert self._client is not None
        return self._client

    def _try(self, step: Any, *args: Any) -> Any:
        self._network.retry_after = 0.0
        try:
            return step(*args)
        except messages.Error as said:
            wait = self._network.retry_after
            if said.code == "rateLimited":
                wait = max(wait, 3600.0)
            raise IssueFailed(
                str(said), wait=wait, counts=True, forgotten=said.code == "accountDoesNotExist"
            ) from said
        except requests.RequestException as wrong:
            raise IssueFailed(
                f"the authority cannot be reached: {wrong}", wait=self._network.retry_after
            ) from wrong
        # OSError: also a file of the setting `acme_ca` that is not there.
        except (errors.Error, DeserializationError, KeyError, ValueError, OSError) as wrong:
            raise IssueFailed(
                f"the authority gave no usable answer: {type(wrong).__name__}: {wrong}"
            ) from wrong


def new_key() -> bytes:
    """A private key, PEM: P-256, which every client and authority of today takes."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_chain(text: str, host: str, key: bytes) -> Issued:
    """A chain as an authority gives it, checked: it is for this host and this key. Raises ValueError."""
    if len(text) > MAX_CHAIN:
        raise ValueError("the chain is too long")
    chain = x509.load_pem_x509_certificates(text.encode())
    own = chain[0]
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if host not in names.get_values_for_type(x509.DNSName):
        raise ValueError(f"the certificate is not for {host}")
    private = serialization.load_pem_private_key(key, None)
    if own.public_key() != private.public_key():
        raise ValueError("the certificate is not for our key")
    issuer = own.issuer.get_attributes_for_oid(NameOID.COMMON_NAME) or list(own.issuer)
    # Written anew: nothing but certificates of what was sent is kept.
    pem = "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in chain)
    return Issued(
        chain=pem,
        key=key,
        issuer=str(issuer[0].value)[:200] if issuer else "",
        not_before=int(own.not_valid_before_utc.timestamp()) * SECOND,
        not_after=int(own.not_valid_after_utc.timestamp()) * SECOND,
    )
