"""NSS selfserv: single DES and SSLv3, which no other library of today has."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.serialization import NoEncryption, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from tests.tls.zoo.ground import Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.with_gnutls import no_namespace, within

LIBRARY = "nss"
INNER_PORT = 8443
_CODES = {
    "TLS_RSA_WITH_DES_CBC_SHA": ":0009", "TLS_DHE_RSA_WITH_DES_CBC_SHA": ":0015", "TLS_RSA_WITH_3DES_EDE_CBC_SHA": ":000A",
    "TLS_RSA_WITH_RC4_128_SHA": ":0005", "TLS_RSA_WITH_RC4_128_MD5": ":0004", "TLS_RSA_WITH_NULL_SHA": ":0002",
    "TLS_RSA_WITH_SEED_CBC_SHA": ":0096", "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA": ":0041",
}  # fmt: skip


def missing() -> str:
    if not (shutil.which("selfserv") and shutil.which("pk12util")):
        return "NSS's selfserv is not installed (Debian: libnss3-tools)"
    return no_namespace()


def _server(name: str, versions: tuple[str, ...], *suites: str, **known: object) -> Server:
    truth = Truth(suites={v: frozenset(suites) for v in versions}, encrypt_then_mac=False, **known)
    words = {"versions": f"{_word(versions[0])}:{_word(versions[-1])}", "ciphers": "".join(_CODES[one] for one in suites)}
    return Server(name=f"nss-{name}", library=LIBRARY, truth=truth, settings=words)


def _word(version: str) -> str:
    return version.lower().replace("sslv3", "ssl3").replace("tlsv", "tls")


def servers() -> tuple[Server, ...]:
    if missing():
        return ()
    return (
        _server("sslv3", ("SSLv3",), "TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_RC4_128_MD5", "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
                secure_renegotiation=None, extended_master_secret=None),
        _server("des", ("TLSv1.0", "TLSv1.1"), "TLS_RSA_WITH_DES_CBC_SHA"),
        _server("null-seed", ("TLSv1.2",), "TLS_RSA_WITH_NULL_SHA", "TLS_RSA_WITH_SEED_CBC_SHA", "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    )  # fmt: skip


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """A process and a namespace each; gives ports by name."""
    pair, ports = ground.identities["rsa"], {one.name: ground.port() for one in chosen}
    database = ground.folder / "nss"
    database.mkdir()
    key = load_pem_private_key(pair.key.read_bytes(), None)
    (database / "rsa.p12").write_bytes(serialize_key_and_certificates(b"rsa", key, pair.certificate, None, NoEncryption()))
    for command in (["certutil", "-N", "-d", str(database), "--empty-password"],
                    ["pk12util", "-i", str(database / "rsa.p12"), "-d", str(database), "-W", ""]):  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=20)

    def run(one: Server) -> None:
        command = ["selfserv", "-d", str(database), "-n", "rsa", "-p", str(INNER_PORT), "-w", "", "-V", str(one.settings["versions"]),
                   "-c", str(one.settings["ciphers"]), "-G", "-L", "0", "-t", "4", "-W", "1"]  # fmt: skip
        within(ground, one.name, ports[one.name], INNER_PORT, command)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, chosen))
    return ports
