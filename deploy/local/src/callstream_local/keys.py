"""The Ed25519 key pair of sign-in tokens (RFC 8037): console signs, the others only verify."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from callstream_local.folder import DataFolder, write_private


def token_keys(folder: DataFolder) -> tuple[Path, Path]:
    """(private, public) PEM files, made when missing. The public one is derived anew if only it is lost."""
    private_file = folder.directory("keys") / "jwt-private.pem"
    public_file = folder.directory("keys") / "jwt-public.pem"
    if not private_file.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(private_file, pem.decode())
        public_file.unlink(missing_ok=True)
    if not public_file.exists():
        key = load_pem_private_key(private_file.read_bytes(), password=None)
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_private(public_file, pem.decode())
    return private_file, public_file
