"""Cipher suites, told by their IANA names: how keys are agreed on, what enciphers, what the hash is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from preaudit.errors import NotObservable

CIPHER_CLASSES = ("NULL", "anon", "EXPORT", "RC4", "RC2", "DES", "3DES", "IDEA", "SEED", "MD5")
"""Words for what breaks a suite, as a profile's list names them."""
CIPHERS = (
    "28147_CNT", "3DES_EDE_CBC", "AEGIS_128L", "AEGIS_256", "AES_128_CBC", "AES_128_CCM", "AES_128_CCM_8",
    "AES_128_GCM", "AES_256_CBC", "AES_256_CCM", "AES_256_CCM_8", "AES_256_GCM", "ARIA_128_CBC", "ARIA_128_GCM",
    "ARIA_256_CBC", "ARIA_256_GCM", "CAMELLIA_128_CBC", "CAMELLIA_128_GCM", "CAMELLIA_256_CBC", "CAMELLIA_256_GCM",
    "CHACHA20_POLY1305", "DES40_CBC", "DES_CBC", "DES_CBC_40", "IDEA_CBC", "KUZNYECHIK_CTR", "KUZNYECHIK_MGM_L",
    "KUZNYECHIK_MGM_S", "MAGMA_CTR", "MAGMA_MGM_L", "MAGMA_MGM_S", "NULL", "RC2_CBC_40", "RC2_CBC_56", "RC4_128",
    "RC4_40", "RC4_56", "SEED_CBC", "SM4_CCM", "SM4_GCM",
)  # fmt: skip
"""What enciphers in the suites that IANA assigned, as a profile's list names it."""
CIPHER_HASHES = ("GOSTR3411", "IMIT", "MD5", "OMAC", "SHA", "SHA256", "SHA384", "SHA512", "SM3")
"""Their hashes; SHA is SHA-1."""
_SPLIT = re.compile(r"(?:OLD_)?(?:TLS|SSL)_(.+)_WITH_(.+)")
_SSLV2 = re.compile(r"SSL_CK_(.+?)(?:_WITH_([A-Z0-9]+))?(?:_\d)?")
# TLS 1.3 agrees on keys apart from its suites; those of RFC 9150 name a hash and nothing that enciphers.
_TLS13 = re.compile(r"TLS_((?:AES|CHACHA20|SM4|AEGIS|SHA\d+)\w*?)_(SHA\d+|SM3)")
_HASH = re.compile(r"(.*?)_?(SHA\d*|MD5|SM3|GOSTR\d+|IMIT|OMAC)?")
_EPHEMERAL = re.compile(r"(DHE|ECDHE|DH_anon|ECDH_anon|SRP|PSK_DHE|ECCPWD|CECPQ1)(_|$)")


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One cipher suite; all but its name raises `NotObservable` where the name has no form that such names have.

    Attributes:
        name: as IANA writes it, ``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256``; ``SSL_CK_…`` in SSLv2.
    """

    name: str

    @property
    def is_known(self) -> bool:
        """Its name tells what it is made of."""
        try:
            return bool(_parts(self.name))
        except NotObservable:
            return False

    @property
    def exchange(self) -> str:
        """How keys are agreed on, ``ECDHE_RSA``; "" in TLS 1.3, where suites do not tell, ``SSLv2`` there."""
        return _parts(self.name)[0]

    @property
    def cipher(self) -> str:
        """What enciphers, ``AES_128_GCM``; ``NULL`` where nothing does."""
        return _parts(self.name)[1]

    @property
    def hash(self) -> str:
        """The hash of its MAC or key derivation, ``SHA256``; "" where the name has none."""
        return _parts(self.name)[2]

    @property
    def classes(self) -> frozenset[str]:
        """Those of `CIPHER_CLASSES` that it belongs to."""
        words = set(f"{self.exchange}_{self.cipher}".split("_"))
        found: set[str] = words & {"NULL", "anon", "RC4", "RC2", "IDEA", "SEED", "3DES"}
        if self.exchange == "NULL":
            found.add("anon")
        if any(word.startswith("EXPORT") for word in words):
            found.add("EXPORT")
        if "EDE3" in words:
            found.add("3DES")
        elif words & {"DES", "DES40"}:
            found.add("DES")
        if self.hash == "MD5":
            found.add("MD5")
        return frozenset(found)

    @property
    def forward_secret(self) -> bool:
        """Each connection's key is lost with it, whoever takes the server's key later."""
        return not self.exchange or bool(_EPHEMERAL.match(self.exchange))

    @property
    def finite_field(self) -> bool:
        """Keys are agreed on in a finite field whose size the server chooses (up to TLS 1.2)."""
        return "DHE" in self.exchange.split("_") or self.exchange.startswith("DH_anon")

    @property
    def cbc(self) -> bool:
        """It enciphers in CBC mode."""
        return "CBC" in self.cipher.split("_")


@lru_cache(maxsize=1024)
def _parts(name: str) -> tuple[str, str, str]:
    if found := _SSLV2.fullmatch(name):
        return "SSLv2", found[1], found[2] or ""
    if found := _SPLIT.fullmatch(name):
        ends = _HASH.fullmatch(found[2])
        return (found[1], ends[1], ends[2] or "") if ends else (found[1], found[2], "")
    if found := _TLS13.fullmatch(name):
        return "", "NULL" if found[1].startswith("SHA") else found[1], found[2]
    raise NotObservable(f"cipher suite {name}", "what it is made of is not known")
