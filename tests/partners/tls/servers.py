"""Servers for tests of TLS: ``openssl s_server`` in all its laxity, with chains made by trustme."""

import datetime as dt
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from as2gateway.certificates import Certificate
from tests.services import free_port

#: Seconds until a server answers on a busy machine.
_PATIENCE = 20.0
END = b"-----END CERTIFICATE-----\n"
STRICT = ("-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305")
LAX = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A server's key and chain in PEM, its own certificate first."""

    key: bytes
    chain: bytes

    @classmethod
    def issued(cls, leaf: trustme.LeafCert) -> "Credentials":
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        return cls(leaf.private_key_pem.bytes(), chain)

    @property
    def certificate(self) -> Certificate:
        return Certificate.from_pem(self.chain)


def common_name_only(name: str, bits: int = 2048) -> Credentials:
    """A self-signed certificate without SAN."""
    key = rsa.generate_private_key(65537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365))
    )
    made = builder.sign(key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Credentials(pem, made.public_bytes(Encoding.PEM))


@contextmanager
def s_server(credentials: Credentials, *options: str, port: int | None = None) -> Iterator[int]:
    """Run ``openssl s_server``, on some port or a given one; yields it."""
    port = port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "key.pem").write_bytes(credentials.key)
        own, *above = credentials.chain.split(END)[:-1]
        (Path(folder) / "own.pem").write_bytes(own + END)
        (Path(folder) / "above.pem").write_bytes(b"".join(each + END for each in above))
        files = ["-key", "key.pem", "-cert", "own.pem"]
        files += ["-cert_chain", "above.pem"] if above else []
        process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *files, "-quiet", *options],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Debian's own configuration would set a level and a lowest version.
            env={"PATH": os.environ["PATH"], "OPENSSL_CONF": os.devnull},
        )
        try:
            _wait_for(port)
            yield port
        finally:
            process.kill()
            process.communicate()


@contextmanager
def scripted(*answers: bytes) -> Iterator[int]:
    """Answer each connection's first octets with the next of these, then close; yields the port.

    The last one is repeated. Nothing at all is a close without an answer.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        stop = threading.Event()
        thread = threading.Thread(target=_answer, args=(listener, answers, stop))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def _answer(listener: socket.socket, answers: tuple[bytes, ...], stop: threading.Event) -> None:
    left = list(answers)
    while not stop.is_set():
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(_PATIENCE)
                # Who only looks whether somebody listens gets none of the answers.
                if connection.recv(65536):
                    connection.sendall(left.pop(0) if len(left) > 1 else left[0])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
