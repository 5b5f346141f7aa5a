"""The certificates by which a run reached the API server: an observation without judgement, as the snapshot stores it.

One line of ``kubeconfig-certificates.jsonl`` is ``{"apiVersion", "kind": "Kubeconfig", "metadata": {"name"}, "spec":
HeldCertificates}``. No key, no token and no path of a file is part of it.
"""

from __future__ import annotations

import msgspec

AUTHORITY = "cluster.certificate-authority"
"""The field that holds by what the API server's certificate is trusted, as a file or as data."""
CLIENT = "user.client-certificate"
"""The field that holds the user's own certificate, or what the user's log-in program gave in its place."""
IN_USE = "in-use"
"""Name of the kubeconfig's context that the run uses; the context's own name tells whose it is."""
IN_CLUSTER = "in-cluster"
"""Name of what a pod finds in place of a kubeconfig: the files of its ServiceAccount."""


class HeldCertificates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one field of the kubeconfig held.

    Attributes:
        name: `IN_USE` or `IN_CLUSTER`.
        part: `AUTHORITY` or `CLIENT`.
        certificates: DER in base64, in the order in which they stand there.
        cause: why these are not all that stand there; "" where they are.
    """

    name: str
    part: str
    certificates: tuple[str, ...] = ()
    cause: str = ""


def kubeconfig_line(held: HeldCertificates) -> bytes:
    """The snapshot's line for one field (no line break in it)."""
    line = {"apiVersion": "preaudit/v1", "kind": "Kubeconfig", "metadata": {"name": held.name}, "spec": held}
    return msgspec.json.encode(line, order="deterministic")
