"""Settings: sources in order, refusals that say what to do."""

from pathlib import Path

import pytest

from postwright.kernel.settings import Settings, SettingsError, load


def test_defaults_are_those_of_a_capture_instance() -> None:
    settings = load({})
    assert settings.capture and settings.trust_domains and not settings.limits_on
    assert settings.listen("http") == [("127.0.0.1", 8025)]
    assert settings.listen("submission") == [("127.0.0.1", 2587)]
    assert settings.private_targets == "loopback"
    assert settings.schedule("retry") == (600, 900, 1800, 3600, 7200, 14400)


def test_live_is_careful() -> None:
    settings = load({"POSTWRIGHT_DELIVERY": "live"})
    assert not settings.trust_domains and settings.limits_on and settings.private_targets == "no"


def test_flags_beat_environment_beats_file(tmp_path: Path) -> None:
    file = tmp_path / "postwright.toml"
    file.write_text('hostname = "file"\ndomain = "file"\ndata = "file"\nhttp_processes = 3\n')
    settings = load(
        {"POSTWRIGHT_DOMAIN": "env", "POSTWRIGHT_DATA": "env", "HOME": "x"}, {"data": "flag"}, file
    )
    assert (settings.hostname, settings.domain, settings.data) == ("file", "env", "flag")
    assert settings.http_processes == 3


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("POSTWRIGHT_DELIVRY", "live", "did you mean POSTWRIGHT_DELIVERY"),
        ("POSTWRIGHT_DELIVERY", "smarthost", "smarthost:HOST:PORT"),
        ("POSTWRIGHT_DELIVERY", "smarthost:host", "host:port"),
        ("POSTWRIGHT_HTTP", "8025", "host:port"),
        ("POSTWRIGHT_HTTP", "a:99999", "host:port"),
        ("POSTWRIGHT_RETRY_SCHEDULE", "5m", "whole seconds"),
        ("POSTWRIGHT_RETRY_SCHEDULE", "-1", "whole seconds"),
        ("POSTWRIGHT_HTTP_PROCESSES", "many", "int"),
        ("POSTWRIGHT_RATE_LIMITS", "maybe", "on, off"),
        ("POSTWRIGHT_SOURCE_IPS", "192.0.2.1,mail.example.com", "mail.example.com is not an IP address"),
    ],
)
def test_refusals(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load({name: value})


def test_several_addresses_and_sources() -> None:
    settings = load(
        {
            "POSTWRIGHT_HTTP": "127.0.0.1:1, [::1]:2",
            "POSTWRIGHT_SOURCE_IPS": "192.0.2.1=mx.example.com, 192.0.2.2",
            "POSTWRIGHT_DELIVERY": "smarthost:10.0.0.1:2525",
            "POSTWRIGHT_ALLOW_PRIVATE_TARGETS": "true",
        }
    )
    assert settings.listen("http") == [("127.0.0.1", 1), ("::1", 2)]
    assert settings.sources() == [("192.0.2.1", "mx.example.com"), ("192.0.2.2", "")]
    assert settings.smarthost == ("10.0.0.1", 2525) and not settings.capture
    assert settings.private_targets == "yes"


def test_settings_cannot_change() -> None:
    with pytest.raises(AttributeError):
        Settings().data = "x"  # type: ignore[misc]
