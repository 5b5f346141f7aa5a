"""Small servers on loopback that say one thing; each ends with its block."""

import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@contextmanager
def serving(talk):
    """A server whose connections are given to `talk(socket)`; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    ended = threading.Event()
    seen = []

    def one(connection):
        connection.settimeout(5)
        try:
            talk(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def accept():
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            seen.append(connection)
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection
        thread.join()
        listener.close()
        for connection in seen:
            connection.close()


def says(greeting):
    """Speaks first, then listens."""

    def talk(connection):
        connection.sendall(greeting)
        connection.recv(4096)

    return talk


def replies(*answers_):
    """Hears a first message, and says all of this."""

    def talk(connection):
        connection.recv(4096)
        connection.sendall(b"".join(answers_))
        connection.recv(100)

    return talk


def answers(table):
    """Answers a first message that starts with a key by its value; closes on anything else."""

    def talk(connection):
        asked = connection.recv(8192)
        for start, answer in table.items():
            if asked.startswith(start):
                connection.sendall(answer)
                connection.recv(4096)
                return

    return talk


def silent(connection):
    """Takes everything and says nothing."""
    while connection.recv(4096):
        pass


def http(page):
    """Answers whatever it is asked, a ClientHello too, with a page."""

    def talk(connection):
        connection.recv(8192)
        connection.sendall(page)

    return talk


def secured(talk, folder, **names):
    """The same over TLS, with a certificate of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder, **names))

    def over_tls(connection):
        try:
            inner = context.wrap_socket(connection, server_side=True)
        except OSError:
            return
        try:
            talk(inner)
        finally:
            inner.close()

    return over_tls


def certificate(folder, name="web.example"):
    """A self-signed certificate with its key in one PEM file."""
    path = folder / f"{name}.pem"
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path
