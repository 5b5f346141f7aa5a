"""A TLS client that takes whatever a server has: it only looks, and what it sees is judged elsewhere."""

from __future__ import annotations

import ssl
import warnings
from functools import cache


@cache
def lenient(ciphers: str, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
    """A client from TLS 1.0 on that trusts nothing, verifies nothing and sends nothing secret.

    Args:
        ciphers: in OpenSSL's words.
        newest: the last version that it offers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = newest
    context.set_ciphers(ciphers)
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
    return context
