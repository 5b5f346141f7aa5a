"""Certificates of a PEM text: each that can be read, and whether these are all."""

from __future__ import annotations

import re

from preaudit.errors import NotObservable
from preaudit.subjects.certificate import Certificate, certificate

MOST = 64
"""Certificates of one text that are read."""
_EDGES = tuple(re.compile(rb"-----" + edge + rb" [A-Z0-9 ]{0,32}CERTIFICATE-----") for edge in (b"BEGIN", b"END"))
# Nothing but base64: a block that lost its end must not reach over a private key to the end of the next one.
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,65536})-----END CERTIFICATE-----")


def certificates_in(pem: bytes) -> tuple[list[Certificate], str]:
    """The certificates of a PEM text, and nothing else of it.

    Returns:
        those that can be read, in their order, and why these are not all that stand there; "" where they are.
    """
    # One edge alone is what is left of a certificate.
    told = max(len(edge.findall(pem)) for edge in _EDGES)
    if not 0 < told <= MOST:
        return [], f"holds {told} certificates in PEM form, not 1 to {MOST}"
    found = []
    for block in _BLOCK.findall(pem):
        try:
            found.append(certificate(b"".join(block.split()).decode("ascii")))
        except NotObservable:
            continue  # it is counted below
    lost = told - len(found)
    return found, f"{lost} of its {told} certificates cannot be read" if lost else ""
