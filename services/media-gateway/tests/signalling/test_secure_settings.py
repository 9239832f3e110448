"""What the gateway makes of its settings for TLS and WebSockets, and the certificate that it makes for itself."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from callstream_media_gateway.adapters.certificate import LASTS, RENEWED_BEFORE, self_signed
from callstream_media_gateway.adapters.secure_sip import renewal, user_agent_config
from callstream_media_gateway.config import ConfigError, load

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {"CALLSTREAM_MEDIA_SOCKET": "/x", "CALLSTREAM_DATA_DIR": str(folder), **more}


def test_without_a_word_only_udp_and_tcp_are_opened(tmp_path: Path) -> None:
    config = user_agent_config(load(environment(tmp_path)))
    assert (config.tls_port, config.ws_port, config.wss_port, config.server_tls) == (None, None, None, None)
    assert config.client_tls is not None
    assert config.client_tls.verify_mode is ssl.CERT_REQUIRED
    assert config.client_tls.check_hostname
    assert not (tmp_path / "gateway").exists()


def test_every_setting_arrives(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ("sip.example.com",), datetime.now(UTC))
    config = user_agent_config(
        load(
            environment(
                tmp_path,
                CALLSTREAM_SIP_TLS_PORT="5061",
                CALLSTREAM_SIP_WS_PORT="8088",
                CALLSTREAM_SIP_WSS_PORT="0",
                CALLSTREAM_SIP_TLS_CERT_FILE=str(certificate),
                CALLSTREAM_SIP_TLS_KEY_FILE=str(key),
                CALLSTREAM_SIP_TLS_CA_FILE=str(certificate),
                CALLSTREAM_SIP_TLS_VERIFY="off",
                CALLSTREAM_SIP_WS_ORIGINS="https://desk.example http://localhost:8080",
                CALLSTREAM_SIP_MAX_CONNECTIONS="9",
            )
        )
    )
    assert (config.tls_port, config.ws_port, config.wss_port) == (5061, 8088, 0)
    assert config.ws_origins == ("https://desk.example", "http://localhost:8080")
    assert config.max_connections == 9
    assert config.server_tls is not None
    assert config.client_tls is not None
    assert config.client_tls.verify_mode is ssl.CERT_NONE
    assert not (tmp_path / "gateway").exists()  # a given certificate is used, none is made


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CALLSTREAM_SIP_TLS_PORT", "x"),
        ("CALLSTREAM_SIP_WSS_PORT", "70000"),
        ("CALLSTREAM_SIP_TLS_CERT_FILE", "/nowhere.pem"),
        ("CALLSTREAM_SIP_TLS_KEY_FILE", "/dev/null"),
        ("CALLSTREAM_SIP_TLS_KEY_FILE", __file__),
        ("CALLSTREAM_SIP_TLS_CA_FILE", __file__),
        ("CALLSTREAM_SIP_TLS_VERIFY", "maybe"),
        ("CALLSTREAM_SIP_WS_ORIGINS", "desk.example"),
        ("CALLSTREAM_SIP_WS_ORIGINS", "https://desk.example/path"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        user_agent_config(load(environment(tmp_path, **{name: value})))


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    files = {f"CALLSTREAM_SIP_TLS_{what}_FILE": __file__ for what in ("CERT", "KEY")}
    with pytest.raises(ConfigError, match="CALLSTREAM_SIP_TLS_CERT_FILE"):
        user_agent_config(load(environment(tmp_path, CALLSTREAM_SIP_TLS_PORT="0", **files)))


# the certificate that we make


def test_it_names_this_machine_and_what_it_was_asked_for_and_is_no_authority(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "tls", ("192.0.2.7", "sip.example.com"), NOW)
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == {"127.0.0.1", "192.0.2.7", "localhost", "sip.example.com"}
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("what", "hosts", "after", "same"),
    [
        ("the next start", ("192.0.2.7",), timedelta(days=1), True),
        ("fewer addresses", (), timedelta(days=1), True),
        ("another address", ("192.0.2.8",), timedelta(days=1), False),
        ("it runs out soon", ("192.0.2.7",), LASTS - RENEWED_BEFORE, False),
        ("a clock that was wrong", ("192.0.2.7",), timedelta(days=-1), False),
    ],
)
def test_it_is_made_once(tmp_path: Path, what: str, hosts: tuple[str, ...], after: timedelta, same: bool) -> None:
    certificate, _ = self_signed(tmp_path, ("192.0.2.7",), NOW)
    before = certificate.read_bytes()
    self_signed(tmp_path, hosts, NOW + after)
    assert (certificate.read_bytes() == before) is same, what


@pytest.mark.parametrize("broken", ["self-signed.key", "self-signed.pem"])
def test_a_killed_start_leaves_nothing_that_the_next_one_would_trip_over(tmp_path: Path, broken: str) -> None:
    self_signed(tmp_path, (), NOW)
    other, _ = self_signed(tmp_path / "other", (), NOW)
    (tmp_path / broken).write_bytes((other.parent / broken).read_bytes())  # key and certificate of two makings
    (tmp_path / f"{broken}.new").write_bytes(b"half")
    certificate, key = self_signed(tmp_path, (), NOW)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "self-signed.key", "self-signed.pem"]


async def shown(port: int) -> bytes:
    """The certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def test_a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "a", (), NOW)
    files = {"CALLSTREAM_SIP_TLS_CERT_FILE": str(certificate), "CALLSTREAM_SIP_TLS_KEY_FILE": str(key)}
    config = load(environment(tmp_path, CALLSTREAM_SIP_TLS_PORT="0", **files))
    used = user_agent_config(config)
    renewed = renewal(config, used)
    assert renewed is not None
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=used.server_tls)
    port = server.sockets[0].getsockname()[1]
    async with server:
        first = await shown(port)
        assert not renewed.look()
        others, other_key = self_signed(tmp_path / "b", (), NOW)
        key.write_bytes(other_key.read_bytes())  # the certificate does not fit it yet
        assert not renewed.look()
        assert await shown(port) == first
        certificate.write_bytes(others.read_bytes())
        assert renewed.look()
        assert await shown(port) != first
        assert not renewed.look()
        key.unlink()
        assert not renewed.look()
        assert await shown(port) != first


def test_the_certificate_that_we_make_needs_no_looking_after(tmp_path: Path) -> None:
    config = load(environment(tmp_path, CALLSTREAM_SIP_WSS_PORT="0"))
    assert renewal(config, user_agent_config(config)) is None
