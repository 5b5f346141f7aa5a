"""The certificates of the kubeconfig in use: what stands where its loader says that certificates are, and no more.

What the connection does not use is not looked at: other contexts, and every certificate where the server's URL is a
plain ``http:`` one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from preaudit.kubeconfig import AUTHORITY, CLIENT, IN_CLUSTER, IN_USE, HeldCertificates
from preaudit.subjects.pem import certificates_in

if TYPE_CHECKING:
    from preaudit.collect.kubeconfig import Access

MAX_BYTES = 2**20


def held_certificates(access: Access) -> Iterator[HeldCertificates]:
    """What the fields with certificates hold: the CA, then the client's own; none for a field that is not there.

    A file may hold the private key beside the certificate: only what is a certificate is taken out of it.
    """
    name = IN_USE if access.context else IN_CLUSTER
    for part, path in ((AUTHORITY, access.ca_file), (CLIENT, access.cert_file)):
        if path:
            certificates, cause = _held(path)
            yield HeldCertificates(name=name, part=part, certificates=certificates, cause=cause)


def _held(path: str) -> tuple[tuple[str, ...], str]:
    """The certificates of a file, and why these are not all. The cause names no path: it tells whose machine it is."""
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return (), f"its file cannot be read: {error.strerror}"
    if len(raw) > MAX_BYTES:
        return (), f"its file is longer than {MAX_BYTES} bytes"
    found, cause = certificates_in(raw)
    return tuple(one.text for one in found), cause
