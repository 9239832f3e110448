import pytest

from callstream.runtime.settings import InvalidSetting, read_settings


def test_defaults_suffice() -> None:
    settings = read_settings("routing", {})
    assert (settings.service, settings.instance, settings.nats_url) == ("routing", "routing", "nats://127.0.0.1:4222")
    assert (settings.http_host, settings.http_port, settings.log_level) == ("127.0.0.1", 0, "info")


def test_the_environment_is_read_and_secrets_are_not_shown() -> None:
    settings = read_settings(
        "routing",
        {
            "CALLSTREAM_INSTANCE": "routing-2",
            "CALLSTREAM_NATS_USER": "routing",
            "CALLSTREAM_NATS_PASSWORD": "hush",
            "CALLSTREAM_HTTP_PORT": "8081",
            "CALLSTREAM_DATABASE_URL": "postgresql://u:hush@h/db",
            "CALLSTREAM_LOG_LEVEL": "DEBUG",
        },
    )
    assert (settings.instance, settings.nats_password, settings.http_port) == ("routing-2", "hush", 8081)
    assert settings.log_level == "debug"
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CALLSTREAM_INSTANCE", "a.b"),
        ("CALLSTREAM_SERVICE", "a b"),
        ("CALLSTREAM_HTTP_PORT", "eighty"),
        ("CALLSTREAM_HTTP_PORT", "70000"),
        ("CALLSTREAM_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_named(variable: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=variable):
        read_settings("routing", {variable: value})
