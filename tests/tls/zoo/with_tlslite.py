"""tlslite-ng: what no current library offers any more: SSLv3, RC4, anonymous, small DH, no extended master secret."""

from __future__ import annotations

import importlib.util

from tests.tls.zoo.ground import Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.with_python_ssl import serve

LIBRARY = "tlslite"
_SHA = ["sha"]


def missing() -> str:
    return "" if importlib.util.find_spec("tlslite") else "tlslite-ng is not installed"


def _server(name: str, suites: dict[str, set[str]], ciphers: list[str], macs: list[str], exchanges: list[str], *,
            dh: int = 2048, ems: bool = True, anonymous: bool = False, **known: object) -> Server:  # fmt: skip
    versions = tuple(suites)
    finite = any(name.startswith("TLS_DH") for taken in suites.values() for name in taken)
    # SSLv3's hellos hold no extensions.
    silent = {"secure_renegotiation": None, "extended_master_secret": None} if versions == ("SSLv3",) else {"extended_master_secret": ems}
    truth = Truth(suites={v: frozenset(s) for v, s in suites.items()}, dh_bits=(dh,) if finite else (), **silent, **known)
    settings = {"lowest": versions[0], "highest": versions[-1], "ciphers": ciphers, "macs": macs, "exchanges": exchanges,
                "dh": dh, "ems": ems, "anonymous": anonymous}  # fmt: skip
    return Server(name=f"tlslite-{name}", library=LIBRARY, truth=truth, settings=settings)


def servers() -> tuple[Server, ...]:
    if missing():
        return ()
    rc4 = {"TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_RC4_128_MD5"}
    triple = "TLS_RSA_WITH_3DES_EDE_CBC_SHA"
    dhe = {"TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"}
    p256 = {"TLSv1.2": frozenset({"secp256r1"})}
    nobody = {"anonymous": True, "identities": (), "trusted": False, "client_certificate": None}
    return (
        _server("sslv3-rc4", {"SSLv3": rc4}, ["rc4"], ["sha", "md5"], ["rsa"], ems=False),
        _server("sslv3-to-tls12", {v: {triple} for v in ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2")}, ["3des"], _SHA, ["rsa"], ems=False),
        _server("sslv3-dhe", {"SSLv3": dhe}, ["aes128", "aes256"], _SHA, ["dhe_rsa"], dh=1024, ems=False),
        _server("rc4", dict.fromkeys(("TLSv1.0", "TLSv1.1", "TLSv1.2"), rc4), ["rc4"], ["sha", "md5"], ["rsa"]),
        _server("3des", {"TLSv1.2": {triple, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"}},
                ["3des"], _SHA, ["rsa", "dhe_rsa", "ecdhe_rsa"], groups=p256),
        _server("null", {"TLSv1.2": {"TLS_RSA_WITH_NULL_SHA", "TLS_RSA_WITH_NULL_MD5", "TLS_RSA_WITH_NULL_SHA256"}},
                ["null"], ["sha", "md5", "sha256"], ["rsa"]),
        _server("dh-anonymous", {"TLSv1.2": {"TLS_DH_anon_WITH_AES_128_CBC_SHA", "TLS_DH_anon_WITH_RC4_128_MD5"}},
                ["aes128", "rc4"], ["sha", "md5"], ["dh_anon"], dh=1024, **nobody),
        _server("ecdh-anonymous", {"TLSv1.2": {"TLS_ECDH_anon_WITH_AES_128_CBC_SHA"}}, ["aes128"], _SHA, ["ecdh_anon"], groups=p256, **nobody),
        _server("dh-512", {"TLSv1.0": dhe, "TLSv1.1": dhe}, ["aes128", "aes256"], _SHA, ["dhe_rsa"], dh=512),
        _server("dh-1024", {"TLSv1.2": dhe}, ["aes128", "aes256"], _SHA, ["dhe_rsa"], dh=1024),
        _server("no-ems", {"TLSv1.2": {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}}, ["aes128gcm"], ["aead"], ["ecdhe_rsa"], ems=False, groups=p256),
    )  # fmt: skip


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """One process for all; gives ports by name."""
    pair, ports = ground.identities["rsa"], {one.name: ground.port() for one in chosen}
    entries = [{**one.settings, "port": ports[one.name], "chain": str(pair.chain), "key": str(pair.key)} for one in chosen]
    return serve(ground, "serve_tlslite", entries, ports)
