"""Send options: types, limits, refusals."""

import pytest

from postwright.kernel.clock import SECOND
from postwright.messages.errors import BadParameter, OptionsTooLarge
from postwright.messages.headers import options_of
from postwright.messages.options import parse
from postwright.messages.schemas import SendForm, option_fields

NOW = 1_800_000_000 * SECOND


def opts(**fields: str | list[str]):
    raw = {
        name.replace("__", ":").replace("_", "-"): v if isinstance(v, list) else [v]
        for name, v in fields.items()
    }
    return parse(raw, NOW)


def test_types() -> None:
    options = parse(
        {
            "o:tag": ["News", "news", " a b "],
            "o:testmode": ["yes"],
            "o:dkim": ["no"],
            "o:require-tls": ["True"],
            "o:skip-verification": ["false"],
            "o:deliver-within": ["1h30m"],
            "o:sending-ip": ["192.0.2.1"],
            "o:suppress-headers": ["X-Mailgun-Sid, X-Mailgun-Tag", "all"],
            "h:X-One": ["1", "2"],
            "v:user": ['{"id": 5}'],
            "recipient-variables": ['{"A@Example.com": {"n": 1}}'],
        },
        NOW,
    )
    assert options.tags == ["News", "a b"]  # case-insensitive, the first spelling stays
    assert options.test_mode and not options.dkim
    assert options.require_tls is True and options.skip_verification is False
    assert options.deliver_within == 5400 and options.sending_ip == "192.0.2.1"
    assert options.suppress_headers == ["x-mailgun-sid", "x-mailgun-tag", "all"]
    assert options.headers == [("X-One", "1"), ("X-One", "2")]
    assert options.variables == {"user": '{"id": 5}'}
    assert options.recipient_variables == {"a@example.com": {"n": 1}}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1800003600", 3600), ("1799999999", 0), ("Fri, 15 Jan 2027 09:00:00 +0000", 3600), ("", 0)],
)
def test_delivery_time(text: str, seconds: int) -> None:
    at = opts(o__deliverytime=text).deliver_at
    assert at == (NOW + seconds * SECOND if seconds else 0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("o:deliverytime", "tomorrow", "tomorrow is not an RFC-2822 compliant date"),
        ("o:deliverytime", "1900000000", "1900000000 is not a valid time to send (at most 7 days ahead)"),
        ("o:deliver-within", "4m", "Invalid value for 'o:deliver-within': 4m. It can be 5m to 24h"),
        ("o:deliver-within", "soon", "Invalid value for 'o:deliver-within': soon. Use a form like 1h30m"),
        (
            "o:testmode",
            "perhaps",
            "Invalid value for 'o:testmode': perhaps. It can be 'yes', 'no', 'true', 'false'",
        ),
        ("o:tag", "t" * 129, "Invalid tag: at most 128 printable ASCII characters expected"),
        ("o:tag", "ümlaut", "Invalid tag: at most 128 printable ASCII characters expected"),
        ("h:Ünï", "x", "Header name must be pure ASCII: Ünï"),
        ("recipient-variables", "{", "'recipient-variables' parameter is not a valid JSON"),
        ("recipient-variables", "[1]", "'recipient-variables' parameter is not a valid JSON"),
        ("o:secondary-dkim", "nonsense", "nonsense is not a valid secondary dkim domain name"),
        ("o:time-zone-localize", "25:00", "25:00 invalid 24 hour time(value of 'o:time-zone-localize')"),
    ],
)
def test_refusals(name: str, value: str, message: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse({name: [value]}, NOW)
    assert refused.value.body()["message"] == message


def test_injected_headers_are_refused() -> None:
    for name, value in (("h:X-A", "1\r\nBcc: all@example.com"), ("h:X A", "1"), ("h:X:A", "1"), ("h:", "1")):
        with pytest.raises(BadParameter):
            parse({name: [value]}, NOW)


def test_limits() -> None:
    with pytest.raises(OptionsTooLarge):
        parse({"v:a": ["x" * 9000], "h:X-B": ["x" * 9000]}, NOW)
    with pytest.raises(BadParameter, match="Too many tags"):
        parse({"o:tag": [str(n) for n in range(11)]}, NOW)


def test_smtp_headers_are_the_same_options() -> None:
    raw = options_of(
        [
            ("X-Mailgun-Tag", "one"),
            ("x-mailgun-tag", "two"),
            ("X-Mailgun-Drop-Message", "yes"),
            ("X-Mailgun-Variables", '{"a": "1", "b": {"c": 2}}'),
            ("X-Mailgun-Deliver-Within", "30m"),
            ("Subject", "not an option"),
        ]
    )
    options = parse(raw, NOW)
    assert options.tags == ["one", "two"] and options.test_mode and options.deliver_within == 1800
    assert options.variables == {"a": "1", "b": '{"c":2}'}
    with pytest.raises(BadParameter, match="not a valid JSON object"):
        options_of([("X-Mailgun-Variables", "[]")])


def test_header_fields_that_are_options() -> None:
    fields = SendForm(
        extra={
            "h:X-Mailgun-Deliver-Within": ["30m"],
            "h:X-Mailgun-Tag": ["t"],
            "h:X-Own": ["1"],
            "v:a": ["b"],
        }
    )
    options = parse(option_fields(fields), NOW)
    assert options.deliver_within == 1800 and options.tags == ["t"]
    assert options.headers == [("X-Own", "1")] and options.variables == {"a": "b"}
