"""What replies mean: a table of real ones."""

import pytest

from postwright.failures import judge


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "command", "permanent", "reason", "bounce"),
    [
        (550, "5.1.1", "The email account that you tried to reach does not exist.", "RCPT", True, "bounce", "hard"),
        (550, "", "User unknown", "RCPT", True, "bounce", "hard"),
        (550, "", "Mailbox unavailable", "RCPT", True, "bounce", "hard"),
        (550, "", "No such user here", "DATA", True, "bounce", "hard"),
        (553, "", "sorry, no mailbox here by that name", "RCPT", True, "bounce", "hard"),
        (554, "5.2.1", "account disabled", "RCPT", True, "bounce", "hard"),
        (552, "5.2.2", "The mailbox is full and over quota", "RCPT", True, "generic", "soft"),
        (550, "5.7.1", "Our system has detected that this message is likely unsolicited mail", "DATA", True,
         "espblock", "soft"),
        (550, "5.7.26", "Unauthenticated email is not accepted due to DMARC", "DATA", True, "generic", "soft"),
        (554, "5.7.1", "Client host blocked using zen.spamhaus.org", "RCPT", True, "blacklisted", "soft"),
        (554, "", "Transaction failed", "DATA", True, "generic", "soft"),
        (550, "", "Message too large", "MAIL", True, "generic", "soft"),
        (451, "4.7.1", "Greylisting in action, please come back later", "RCPT", False, "greylisted", "soft"),
        (450, "", "greylisted", "RCPT", False, "greylisted", "soft"),
        (421, "4.7.0", "Temporarily deferred, see spamhaus", "MAIL", False, "blacklisted", "soft"),
        (452, "4.2.2", "mailbox full", "RCPT", False, "generic", "soft"),
    ],
)  # fmt: skip
def test_replies(code, enhanced, text, command, permanent, reason, bounce) -> None:
    verdict = judge(code, enhanced, text, command)
    assert (verdict.permanent, verdict.reason, verdict.bounce_type) == (permanent, reason, bounce)
