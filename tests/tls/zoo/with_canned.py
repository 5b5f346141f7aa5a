"""Canned bytes: SSLv2, EXPORT, compression, IDEA, GOST, which nothing real serves any more."""

from __future__ import annotations

import base64

from tests.tls.zoo.ground import Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.with_python_ssl import serve

LIBRARY = "canned"
_KINDS = {"SSL_CK_RC4_128_WITH_MD5": 0x010080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5": 0x020080, "SSL_CK_DES_64_CBC_WITH_MD5": 0x060040,
          "SSL_CK_DES_192_EDE3_CBC_WITH_MD5": 0x0700C0}  # fmt: skip
_SUITES = {
    "TLS_RSA_EXPORT_WITH_RC4_40_MD5": 0x0003, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5": 0x0006, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA": 0x0008,
    "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA": 0x0014, "TLS_RSA_WITH_AES_128_CBC_SHA": 0x002F, "TLS_RSA_WITH_AES_256_CBC_SHA": 0x0035,
    "TLS_RSA_WITH_IDEA_CBC_SHA": 0x0007, "TLS_GOSTR341112_256_WITH_28147_CNT_IMIT": 0xC102, "TLS_RSA_WITH_DES_CBC_SHA": 0x0009,
}  # fmt: skip
_WHY = "its handshakes cannot be completed, so sslyze's test of connectivity fails"


def missing() -> str:
    return ""


def _server(name: str, versions: tuple[str, ...], suites: tuple[str, ...] = (), *, kinds: tuple[str, ...] = (),
            compression: bool = False, **known: object) -> Server:  # fmt: skip
    taken = {v: frozenset(suites) for v in versions} | ({"SSLv2": frozenset(kinds)} if kinds else {})
    truth = Truth(suites=taken, compression=compression if versions else None, extended_master_secret=False if versions else None,
                  secure_renegotiation=True if versions else None, without_certificate=None, client_certificate=False if versions else None, encrypt_then_mac=False,
                  silent=frozenset() if kinds else frozenset({"SSLv2"}), **known)  # fmt: skip
    settings = {"versions": versions, "suites": {one: _SUITES[one] for one in suites}, "sslv2": {one: _KINDS[one] for one in kinds},
                "compression": compression}  # fmt: skip
    return Server(name=f"canned-{name}", library=LIBRARY, truth=truth, settings=settings, no_sslyze=_WHY)


def servers() -> tuple[Server, ...]:
    export = tuple(one for one in _SUITES if one.startswith("TLS_RSA_EXPORT"))
    aes = ("TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA")
    return (
        _server("sslv2", (), kinds=tuple(_KINDS)),
        _server("sslv2-and-tls10", ("SSLv3", "TLSv1.0"), aes, kinds=tuple(_KINDS)[:2]),
        _server("export", ("TLSv1.0",), export),
        _server("export-dh", ("TLSv1.0", "TLSv1.1"), ("TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA",), dh_bits=(512,)),
        _server("compression", ("TLSv1.2",), aes, compression=True),
        _server("idea-des", ("TLSv1.0", "TLSv1.1"), ("TLS_RSA_WITH_IDEA_CBC_SHA", "TLS_RSA_WITH_DES_CBC_SHA")),
        _server("gost", ("TLSv1.2",), ("TLS_GOSTR341112_256_WITH_28147_CNT_IMIT",)),
    )


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """One process for all; gives ports by name."""
    ports = {one.name: ground.port() for one in chosen}
    der = base64.b64encode(ground.identities["rsa"].der).decode()
    entries = [{**one.settings, "port": ports[one.name], "der": der} for one in chosen]
    return serve(ground, "serve_canned", entries, ports)
