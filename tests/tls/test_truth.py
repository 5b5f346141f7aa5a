"""The survey of every server of the zoo equals what its configuration determines."""

from __future__ import annotations

import pytest

from tests.tls.comparing import against_truth
from tests.tls.zoo import LIBRARIES, known

_UNFINISHED = "without certificate: inconclusive"
_OLD = "no client of today completes a handshake with what it offers, so it is not known what comes of one"
_GROUPS = "the survey has no key exchange in these groups, and TLS 1.3 shows certificates only to who has"
EXPLAINED: dict[tuple[str, str], str] = {
    **{(name, _UNFINISHED): _OLD for name in (
        "tlslite-sslv3-rc4", "tlslite-sslv3-to-tls12", "tlslite-sslv3-dhe", "tlslite-rc4", "tlslite-3des", "tlslite-null", "tlslite-dh-512",
        "gnutls-camellia-gcm", "gnutls-tls10-3des", "gnutls-tls10-rc4", "nss-sslv3", "nss-des", "s_server-curve-brainpoolP256r1",
        "s_server-curve-secp224r1", "s_server-curve-secp256k1", "s_server-null", "s_server-psk", "python-ssl-null")},
    **{(name, words): _GROUPS for name in ("node-hybrids-only", "node-mlkem-only", "gnutls-tls13-ffdhe", "s_server-ffdhe")
       for words in ("client_certificate: None", _UNFINISHED, "certificate rsa: not seen")},
    ("tlslite-ecdh-anonymous", "TLSv1.2 groups: not complete"): "where it knows none of the curves tlslite closes, and that is no refusal",
}  # fmt: skip
"""(server, beginning of the sentence): why the survey rightly says otherwise. An entry that is not needed is red."""


@pytest.mark.parametrize("name", known())
def test_survey_equals_truth(name, zoo, surveys):
    said = list(against_truth(zoo.servers[name].truth, surveys[name], zoo.identities))
    reasons = [words for server, words in EXPLAINED if server == name]
    unexplained = [one for one in said if not any(one.startswith(words) for words in reasons)]
    needless = [words for words in reasons if not any(one.startswith(words) for one in said)]
    assert not unexplained, "\n".join([name, *unexplained])
    assert not needless


def test_zoo_is_whole(zoo):
    """Every library is here, and the zoo is up before anybody loses patience."""
    if zoo.left_out:
        pytest.skip("; ".join(zoo.left_out.values()))
    assert len(zoo.servers) >= 40
    assert len({one.library for one in zoo.servers.values()}) == len(LIBRARIES)


def test_zoo_is_up_soon(zoo):
    assert zoo.seconds < 60
