"""The data folder: one supervisor at a time, ports that stay, and two copies that never meet."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from callstream_local.folder import DataFolder
from callstream_local.keys import token_keys
from callstream_local.lock import FolderInUseError, FolderLock, holder
from callstream_local.ports import RTP_BLOCK, SERVICE_PORTS, PortError, free_port, keep_port, take_rtp_block

HOST = "127.0.0.1"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


HOLDER = """
import sys, time
from pathlib import Path
from callstream_local.folder import DataFolder
from callstream_local.lock import FolderLock
with FolderLock(DataFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(1000)
"""


def test_a_second_supervisor_is_refused_and_told_who_holds_the_folder(folder: DataFolder) -> None:
    assert holder(folder) is None
    argv = [sys.executable, "-c", HOLDER, str(folder.root)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        assert holder(folder) == first.pid
        with pytest.raises(FolderInUseError) as refusal:
            FolderLock(folder).acquire()
        assert str(first.pid) in str(refusal.value)
        assert str(folder.root) in str(refusal.value)
        first.send_signal(signal.SIGKILL)
    assert holder(folder) is None
    with FolderLock(folder):
        pass


def test_a_port_stays_the_same(folder: DataFolder) -> None:
    assert keep_port(folder, "console", HOST) == keep_port(folder, "console", HOST)


def test_ports_of_one_folder_differ_before_anybody_listens(folder: DataFolder) -> None:
    ports = {keep_port(folder, f"service-{number}", HOST) for number in range(50)}
    assert len(ports) == 50
    assert ports <= set(SERVICE_PORTS)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_kept_port_that_was_taken_is_replaced(folder: DataFolder, kind: socket.SocketKind) -> None:
    port = keep_port(folder, "sip", HOST, udp=True)
    with socket.socket(socket.AF_INET, kind) as thief:
        thief.bind((HOST, port))
        if kind == socket.SOCK_STREAM:
            thief.listen()
        moved = keep_port(folder, "sip", HOST, udp=True)
    assert moved != port
    assert keep_port(folder, "sip", HOST, udp=True) == moved


def test_a_configured_port_that_is_taken_is_refused_by_name(folder: DataFolder) -> None:
    with socket.socket() as thief:
        thief.bind((HOST, 0))
        thief.listen()
        port = thief.getsockname()[1]
        with pytest.raises(PortError, match=rf"port {port} for console"):
            keep_port(folder, "console", HOST, configured=port)
    assert keep_port(folder, "console", HOST, configured=port) == port


def test_an_address_of_another_machine_is_refused(folder: DataFolder) -> None:
    with pytest.raises(PortError, match=r"192\.0\.2\.1"):
        keep_port(folder, "sip", "192.0.2.1")


def test_two_copies_take_different_rtp_blocks_and_keep_them(tmp_path: Path) -> None:
    one, two = DataFolder(tmp_path / "one"), DataFolder(tmp_path / "two")
    low_1, high_1, guard_1 = take_rtp_block(one, HOST)
    low_2, high_2, guard_2 = take_rtp_block(two, HOST)
    with guard_1, guard_2:
        assert high_1 < low_2 or high_2 < low_1
        assert high_1 - low_1 == high_2 - low_2 == RTP_BLOCK - 3
    with take_rtp_block(two, HOST)[2] as again:
        assert again.getsockname()[1] == low_2 - 2


def test_a_configured_rtp_block_that_is_taken_is_refused(tmp_path: Path) -> None:
    first = free_port(HOST, udp=True)
    *_, guard = take_rtp_block(DataFolder(tmp_path / "one"), HOST, configured=first)
    with guard, pytest.raises(PortError, match=str(first)):
        take_rtp_block(DataFolder(tmp_path / "two"), HOST, configured=first)


def test_secrets_differ_stay_and_are_private(folder: DataFolder) -> None:
    assert folder.secret("a") != folder.secret("b")
    assert folder.secret("a") == DataFolder(folder.root).secret("a")
    assert (folder.root / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_is_named(folder: DataFolder) -> None:
    folder.file("ports.json").write_text("{")
    with pytest.raises(ValueError, match=r"ports\.json"):
        keep_port(folder, "console", HOST)


def test_token_keys_are_a_pair_that_stays(folder: DataFolder) -> None:
    private_file, public_file = token_keys(folder)
    assert private_file.stat().st_mode & 0o777 == 0o600
    private = load_pem_private_key(private_file.read_bytes(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    before = private_file.read_bytes()
    public_file.unlink()
    token_keys(folder)
    assert private_file.read_bytes() == before
    public = load_pem_public_key(public_file.read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    public.verify(private.sign(b"token"), b"token")
