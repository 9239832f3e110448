"""TLS for SIP as configured: our certificate, and whom we believe."""

from datetime import UTC, datetime

from callstream_media_gateway.adapters.certificate import self_signed
from callstream_media_gateway.adapters.renewed_certificate import RenewedCertificate
from callstream_media_gateway.config import ConfigError, GatewayConfig
from callstream_media_gateway.sip import tls
from callstream_media_gateway.sip.handler import UserAgentConfig


def renewal(config: GatewayConfig, used: UserAgentConfig) -> RenewedCertificate | None:
    """What keeps a given certificate fresh; the one that we make outlives us."""
    if config.tls_given is None:
        return None
    return RenewedCertificate(
        *config.tls_given, [context for context in (used.server_tls, used.client_tls) if context is not None]
    )


def user_agent_config(config: GatewayConfig) -> UserAgentConfig:
    """Raises ConfigError for files that cannot be used, and OSError when a certificate cannot be kept."""
    serving = None
    if config.sip_tls_port is not None or config.sip_wss_port is not None:
        hosts = [host for host in (config.sip_host, config.sip_advertised_host) if host and host not in ("0.0.0.0", "::")]
        try:
            serving = tls.serving(*(config.tls_given or self_signed(config.state / "tls", hosts, datetime.now(UTC))))
        except OSError as error:
            raise ConfigError(f"CALLSTREAM_SIP_TLS_CERT_FILE, CALLSTREAM_SIP_TLS_KEY_FILE: {error}") from error
    try:
        calling = tls.calling(config.tls_authorities, verify=config.tls_verify, identity=config.tls_given)
    except OSError as error:
        raise ConfigError(f"CALLSTREAM_SIP_TLS_CA_FILE or CALLSTREAM_SIP_TLS_CERT_FILE: {error}") from error
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
