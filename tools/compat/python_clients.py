"""The official client for Python, and django-anymail."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from anymail.exceptions import AnymailAPIError  # type: ignore[import-untyped]
from anymail.message import AnymailMessage  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.mail import get_connection  # type: ignore[import-untyped]
from mailgun.client import Client as Mailgun

from postwright.testing.sandbox import Sandbox

from .calls import Client


def official(sandbox: Sandbox, name: str) -> Client:
    """The official client."""
    made = Client(name, "The official client for Python.")
    domain, other = sandbox.domain, "python.example.net"
    with Mailgun(auth=("api", sandbox.key), api_url=sandbox.base_url) as mg:

        def ok(
            text: str, work: Callable[[], Any], holds: Callable[[Any], object] = lambda found: True
        ) -> Any:
            def checked() -> Any:
                answer = work()
                assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
                return answer.json()

            return made.call(text, checked, holds)

        message = {"from": f"Ann <ann@{domain}>", "to": "bob@example.net", "subject": "Hi", "text": "Hello"}
        message["o:tag"] = "python"
        ok("messages.create", lambda: mg.messages.create(domain=domain, data=message), lambda f: f["id"])
        raw = f"From: ann@{domain}\r\nTo: bob@example.net\r\nSubject: MIME\r\n\r\nHello\r\n".encode()
        ok(
            "mimemessage.create",
            lambda: mg.mimemessage.create(
                domain=domain, data={"to": ["bob@example.net"]}, files={"message": ("m.mime", raw)}
            ),
            lambda f: f["id"],
        )
        time.sleep(1.5)
        ok("events.get", lambda: mg.events.get(domain=domain, filters={"limit": 5}), lambda f: f["items"])
        made.call(
            "events.stream",
            lambda: list(mg.events.stream(domain=domain, filters={"limit": 2})),
            lambda f: len(f) >= 2,
        )
        ok(
            "domains_sendingqueues.get",
            lambda: mg.domains_sendingqueues.get(domain=domain),
            lambda f: f["regular"],
        )
        ok(
            "domains.create",
            lambda: mg.domains.create(data={"name": other}),
            lambda f: f["domain"]["name"] == other,
        )
        ok("domains.get", lambda: mg.domains.get(), lambda f: f["total_count"] >= 2)
        ok("domains_tracking.get", lambda: mg.domains_tracking.get(domain=other), lambda f: f["tracking"])
        ok(
            "domains_tracking_open.put",
            lambda: mg.domains_tracking_open.put(domain=other, data={"active": "yes"}),
            lambda f: f["open"]["active"],
        )
        ok(
            "domains_credentials.create",
            lambda: mg.domains_credentials.create(
                domain=other, data={"login": f"jo@{other}", "password": "long-enough-1"}
            ),
        )
        ok("domains_credentials.get", lambda: mg.domains_credentials.get(domain=other), lambda f: f["items"])
        for kind, entry in (
            ("bounces", {"address": "p@x.test", "code": 550}),
            ("unsubscribes", {"address": "p@x.test", "tag": "*"}),
            ("complaints", {"address": "p@x.test"}),
            ("whitelists", {"address": "p@x.test"}),
        ):
            part = getattr(mg, kind)
            ok(f"{kind}.create", partial(part.create, domain=domain, data=entry))
            ok(f"{kind}.get", partial(part.get, domain=domain), lambda f: f["items"])
        ok(
            "templates.create",
            lambda: mg.templates.create(
                domain=domain, data={"name": "python", "template": "Hi {{name}}", "tag": "one"}
            ),
        )
        ok(
            "templates.get",
            lambda: mg.templates.get(domain=domain, filters={"limit": 5}),
            lambda f: f["items"],
        )
        ok(
            "routes.create",
            lambda: mg.routes.create(
                data={"priority": 0, "expression": f'match_recipient("p@{domain}")', "action": ["store()"]}
            ),
            lambda f: f["route"]["id"],
        )
        ok("routes.get", lambda: mg.routes.get(filters={"limit": 5}), lambda f: f["items"])
        ok("lists.create", lambda: mg.lists.create(data={"address": f"python@{domain}"}))
        ok("lists_pages.get", lambda: mg.lists_pages.get(), lambda f: f["items"])
        ok(
            "lists_members.create",
            lambda: mg.lists_members.create(
                address=f"python@{domain}", data={"address": "m@x.test", "vars": '{"a": 1}'}
            ),
        )
        ok(
            "domains_webhooks.create",
            lambda: mg.domains_webhooks.create(
                domain=domain, data={"id": "clicked", "url": ["http://127.0.0.1:2999/p"]}
            ),
        )
        ok("domains_webhooks.get", lambda: mg.domains_webhooks.get(domain=domain), lambda f: f["webhooks"])
        ok("tags.get", lambda: mg.tags.get(domain=domain), lambda f: f["items"])
        ok("ips.get", lambda: mg.ips.get(), lambda f: "items" in f)
        ok(
            "analytics_metrics.create",
            lambda: mg.analytics_metrics.create(
                data={
                    "resolution": "day",
                    "duration": "7d",
                    "dimensions": ["time"],
                    "metrics": ["accepted_count"],
                }
            ),
            lambda f: "items" in f,
        )
        ok(
            "analytics_logs.create",
            lambda: mg.analytics_logs.create(
                data={"duration": "1d", "events": ["accepted"], "pagination": {"limit": 5}}
            ),
            lambda f: "items" in f,
        )
        ok("domains.delete", lambda: mg.domains.delete(domain=other), lambda f: f["message"])
    return made


def anymail(sandbox: Sandbox, name: str) -> Client:
    """django-anymail."""
    made = Client(name, "As Django's e-mail backend.")
    if not settings.configured:
        settings.configure(USE_TZ=True, ALLOWED_HOSTS=["*"], DEFAULT_CHARSET="utf-8")

    def send(**fields: Any) -> Any:
        given = {
            "subject": "Hi",
            "body": "Hello",
            "from_email": f"ann@{sandbox.domain}",
            "to": ["bob@example.net"],
        }
        message = AnymailMessage(**(given | fields))
        message.connection = get_connection(
            "anymail.backends.mailgun.EmailBackend",
            api_key=sandbox.key,
            api_url=f"{sandbox.base_url}/v3",
            sender_domain=sandbox.domain,
        )
        if "template_id" not in fields:
            message.attach_alternative("<p>Hello</p>", "text/html")
            message.attach("a.txt", "plain", "text/plain")
        message.send()
        return message.anymail_status

    def refused() -> bool:
        try:
            send(from_email="ann@elsewhere.test", tags=["x" * 200])
        except AnymailAPIError:
            return True
        return False

    made.call("send: HTML, attachment", send, lambda status: status.status == {"queued"})
    made.call("send: tags, metadata", lambda: send(tags=["a", "b"], metadata={"order": "12"}))
    made.call(
        "send: cc, bcc, reply_to, headers",
        lambda: send(
            cc=["c@example.net"], bcc=["d@example.net"], reply_to=["r@example.net"], headers={"X-Own": "yes"}
        ),
    )
    made.call(
        "send: merge_data",
        lambda: send(
            to=["b@example.net", "c@example.net"],
            body="Hi %recipient.name%",
            merge_data={"b@example.net": {"name": "B"}, "c@example.net": {"name": "C"}},
        ),
    )
    made.call("send: send_at", lambda: send(send_at=time.time() + 3600))
    made.call("send: template_id", lambda: send(template_id="python", body=""))
    made.call("send: a refusal is an AnymailAPIError", refused, bool)
    return made
