"""HTTPS in front of a server of this machine, as a live instance has it: encrypted outside, plain behind."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from campaigns.core import clock

HERE = "127.0.0.1"


def write_certificate(folder: Path, *names: str) -> Path:
    """Write a certificate for this machine, by further `names` too, with its key, which signs itself.

    Return the file.
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), clock.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HERE)])
    known_as = [x509.IPAddress(ipaddress.ip_address(HERE)), *map(x509.DNSName, names)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(known_as), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "certificate.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return file


@contextmanager
def secured(port: int, behind: int, certificate: Path) -> Iterator[None]:
    """Answer HTTPS at `port` with what the server at the port `behind` says, until the block is left."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with socket.create_server((HERE, port)) as listening:
        listening.settimeout(0.2)
        is_over = threading.Event()
        door = threading.Thread(target=_accept, args=(listening, context, behind, is_over), daemon=True)
        door.start()
        try:
            yield
        finally:
            is_over.set()
            door.join()


def _accept(listening: socket.socket, context: ssl.SSLContext, behind: int, is_over: threading.Event) -> None:
    while not is_over.is_set():
        with suppress(TimeoutError):
            plain, _ = listening.accept()
            threading.Thread(target=_answer, args=(plain, context, behind), daemon=True).start()


def _answer(plain: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    """Carry one connection both ways until either side has said all."""
    with (
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as outside,
        socket.create_connection((HERE, behind)) as inside,
    ):
        back = threading.Thread(target=_carry, args=(inside, outside), daemon=True)
        back.start()
        _carry(outside, inside)
        back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
