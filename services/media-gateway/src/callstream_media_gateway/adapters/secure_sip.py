"""TLS for SIP as configured: our certificate, and whom we believe."""

from datetime import UTC, datetime

from callstream_media_gateway.adapters.certificate import self_signed
from callstream_media_gateway.config import ConfigError, GatewayConfig
from callstream_media_gateway.sip import tls
from callstream_media_gateway.sip.handler import UserAgentConfig


def user_agent_config(config: GatewayConfig) -> UserAgentConfig:
    """Raises ConfigError for files that cannot be used, and OSError when a certificate cannot be kept."""
    serving = None
    if config.sip_tls_port is not None or config.sip_wss_port is not None:
        certificate, key = config.tls_certificate, config.tls_key
        if certificate is None or key is None:
            hosts = [host for host in (config.sip_host, config.sip_advertised_host) if host and host not in ("0.0.0.0", "::")]
            certificate, key = self_signed(config.state / "tls", hosts, datetime.now(UTC))
        try:
            serving = tls.serving(certificate, key)
        except OSError as error:
            raise ConfigError(f"CALLSTREAM_SIP_TLS_CERT_FILE, CALLSTREAM_SIP_TLS_KEY_FILE: {error}") from error
    try:
        calling = tls.calling(config.tls_authorities, verify=config.tls_verify)
    except OSError as error:
        raise ConfigError(f"CALLSTREAM_SIP_TLS_CA_FILE: {error}") from error
    return UserAgentConfig(
        config.sip_host,
        config.sip_port,
        advertised_host=config.sip_advertised_host,
        max_connections=config.max_connections,
        tls_port=config.sip_tls_port,
        ws_port=config.sip_ws_port,
        wss_port=config.sip_wss_port,
        server_tls=serving,
        client_tls=calling,
        ws_origins=config.ws_origins,
    )
