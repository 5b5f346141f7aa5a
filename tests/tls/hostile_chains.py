"""Certificates that are well-formed enough to be sent and bad enough to hurt: huge, recursive, with NUL in a name."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.tls.hostile import Serve
from tests.tls.zoo import hello, pki

_DER = serialization.Encoding.DER
Chain = tuple[bytes, ...]


def _certificate(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, *,
                 ca: bool = True, names: tuple[str, ...] = ()) -> bytes:  # fmt: skip
    builder = (
        x509.CertificateBuilder().subject_name(pki._name(subject)).issuer_name(pki._name(issuer)).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(pki.NOW - pki.DAY).not_valid_after(pki.NOW + 90 * pki.DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )  # fmt: skip
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(_DER)


def many_names() -> Chain:
    """10,000 subject alternative names."""
    key = ec.generate_private_key(ec.SECP256R1())
    return (_certificate("zoo.example", "zoo CA", key, key, names=tuple(f"host-{one}.zoo.example" for one in range(10_000))),)


def nul_in_name() -> Chain:
    """A common name that C would end early: the good name, NUL, the attacker's."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = _certificate("zoo.example_.attacker.example", "zoo CA", key, key)
    return (der.replace(b"zoo.example_", b"zoo.example\0"),)


def long_chain() -> Chain:
    """400 certificates, each issued by the next."""
    key = ec.generate_private_key(ec.SECP256R1())
    return tuple(_certificate(f"ca {one}", f"ca {one + 1}", key, key) for one in range(400))


def loop() -> Chain:
    """Two CAs that vouch for one another, and a leaf below."""
    one, two = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    return (_certificate("zoo.example", "a", one, one, ca=False), _certificate("a", "b", one, two), _certificate("b", "a", two, one))


def crowd() -> Chain:
    """60 CAs of one name and different keys: every one may be the issuer of every other."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(60)]
    return (_certificate("zoo.example", "x", keys[0], keys[0], ca=False),
            *(_certificate("x", "x", one, other) for one, other in itertools.pairwise(keys)))  # fmt: skip


def same_again() -> Chain:
    """One certificate a thousand times."""
    key = ec.generate_private_key(ec.SECP256R1())
    return (_certificate("zoo.example", "zoo.example", key, key),) * 1000


def no_certificate() -> Chain:
    """DER that is no certificate."""
    return (b"\x30\x82\x01\x00" + bytes(256), b"\x30\x00", b"\x00")


def deep_nesting() -> Chain:
    """DER nested 4,000 deep: a parser that recurses falls over."""
    der = b""
    for _ in range(4000):
        size = len(der)
        der = (b"\x30" + bytes((size,)) if size < 128 else b"\x30\x84" + size.to_bytes(4)) + der
    return (der,)


MAKERS: tuple[Callable[[], Chain], ...] = (many_names, nul_in_name, long_chain, loop, crowd, same_again, no_certificate, deep_nesting)


def sending(chain: Chain) -> Serve:
    """A server of TLS 1.2 with one RSA suite that gets as far as ServerHelloDone."""

    def serve(connection: socket.socket, _: threading.Event) -> None:
        offered = hello.read(connection)
        version, suite = hello.WIRE["TLSv1.2"], 0x002F
        if version not in offered.versions:
            connection.sendall(hello.alert(version, hello.PROTOCOL_VERSION))
        elif suite not in offered.suites:
            connection.sendall(hello.alert(version, hello.HANDSHAKE_FAILURE))
        else:
            flight = hello.server_hello(version, suite) + hello.certificates(*chain) + hello.DONE
            connection.sendall(hello.record(hello.HANDSHAKE, version, flight))
        connection.settimeout(1)
        connection.recv(4096)

    return serve
