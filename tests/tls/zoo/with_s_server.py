"""openssl s_server: single suites and groups, renegotiation by the client, early data, pre-shared keys, no certificate."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

from tests.tls.zoo.ground import HOST, Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.suites import TLS13, openssl

LIBRARY = "s_server"
X = frozenset({"x25519"})
# Without a certificate to go by, OpenSSL takes DH of 3072 bits for suites of 256 bits, and of 1024 for all others.
ANONYMOUS_DH = (1024, 3072)


def missing() -> str:
    return "" if shutil.which("openssl") else "openssl is not installed"


def _server(name: str, truth: Truth, *options: str, **more: object) -> Server:
    return Server(name=f"s_server-{name}", library=LIBRARY, truth=truth, settings={"options": options}, **more)


def _tls13(name: str, suites: frozenset[str], groups: frozenset[str] = X, *options: str) -> Server:
    truth = Truth(suites={"TLSv1.3": suites}, groups={"TLSv1.3": groups}, secure_renegotiation=None, extended_master_secret=None, compression=None)
    return _server(name, truth, "-tls1_3", "-ciphersuites", ":".join(sorted(suites)), *options)


def _tls12(name: str, ciphers: str, *options: str, auth: tuple[str, ...] = ("RSA",), dh: bool = False, **known: object) -> Server:
    more = {key: known.pop(key) for key in ("no_sslyze",) if key in known}
    psk = "PSK" in ciphers
    truth = Truth(suites={"TLSv1.2": openssl(ciphers, "TLSv1.2", auth, dh=dh, psk=psk)}, **known)
    return _server(name, truth, "-tls1_2", "-cipher", ciphers, *options, **more)


def _curve(name: str, group: str) -> Server:
    return _tls12(f"curve-{name}", "ECDHE+AESGCM", "-named_curve", name, groups={"TLSv1.2": frozenset({group})})


def servers() -> tuple[Server, ...]:
    if missing():
        return ()
    ccm = frozenset({"TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"})
    return (
        _tls12("client-renegotiation", "ECDHE+AESGCM", "-client_renegotiation", "-groups", "X25519", groups={"TLSv1.2": X}),
        _tls13("early-data", TLS13, X, "-groups", "X25519", "-early_data", "-max_early_data", "16384"),
        _tls13("chacha-only", frozenset({"TLS_CHACHA20_POLY1305_SHA256"}), X, "-groups", "X25519"),
        _tls13("aes256-only", frozenset({"TLS_AES_256_GCM_SHA384"}), X, "-groups", "X25519"),
        _tls13("ccm-only", ccm, X, "-groups", "X25519"),
        _tls13("ffdhe", TLS13, frozenset({"ffdhe2048", "ffdhe3072"}), "-groups", "ffdhe2048:ffdhe3072"),
        _tls13("five-groups", TLS13, frozenset({"x25519", "x448", "secp256r1", "secp384r1", "secp521r1"}), "-groups", "X25519:X448:P-256:P-384:P-521"),
        _curve("brainpoolP256r1", "brainpoolP256r1"), _curve("secp521r1", "secp521r1"), _curve("X448", "x448"),
        _curve("secp224r1", "secp224r1"), _curve("secp256k1", "secp256k1"),
        _tls12("null", "eNULL:!aNULL:@SECLEVEL=0", "-groups", "X25519"),
        _tls12("anonymous", "aNULL:@SECLEVEL=0", "-nocert", "-groups", "X25519", auth=("None",), dh=True,
               identities=(), trusted=False, client_certificate=None, dh_bits=ANONYMOUS_DH),
        _tls12("aria-camellia", "ARIA:CAMELLIA:!aNULL:!PSK", "-groups", "X25519", dh=True, dh_bits=(2048,)),
        _tls12("psk", "PSK:@SECLEVEL=0", "-nocert", "-psk", "00112233445566778899aabbccddeeff", "-groups", "X25519", auth=("PSK",), dh=True,
               identities=(), trusted=False, client_certificate=None, dh_bits=ANONYMOUS_DH, no_sslyze="sslyze offers no suite with a pre-shared key"),
        _tls12("legacy-renegotiation", "AES128-SHA", "-legacy_renegotiation"),
    )  # fmt: skip


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """One process each; gives ports by name."""
    ports = {one.name: ground.port() for one in chosen}
    pair = ground.identities["rsa"]

    def run(one: Server) -> None:
        options = one.settings["options"]
        keys = [] if "-nocert" in options else ["-cert", str(pair.chain), "-key", str(pair.key)]
        # With early data s_server has no page to show.
        page = [] if "-early_data" in options else ["-www"]
        command = ["openssl", "s_server", "-accept", f"{HOST}:{ports[one.name]}", "-quiet", *page, *keys, *options]
        ground.run(one.name, command, ports=[ports[one.name]])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, chosen))
    return ports
