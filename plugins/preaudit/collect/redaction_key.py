"""The key of the redaction as a snapshot tells of it: where it came from and which it is, never the key."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from preaudit.collect.redact import POLICY, Redactor


def told(key: bytes, counts: Mapping[str, int], *, given: bool) -> dict[str, Any]:
    """The collection's account of its redaction.

    ``key_id`` names the key, so that two packs know whether their tokens can be compared. A key that could be guessed
    could be confirmed by it, as it could by any token. ``pseudonyms`` is derived from the key one-way; renderings make
    their pseudonyms of it, so that they can be made again.

    Args:
        key: the HMAC key.
        counts: what was redacted, by rule.
        given: the key is the customer's, from a file.
    """
    return {
        "policy": POLICY,
        "key": "file" if given else "per-pack",
        "key_id": hmac.new(key, b"preaudit: name of a redaction key", "sha256").hexdigest()[:32],
        "pseudonyms": Redactor(key).pseudonym_seed,
        "counts": dict(sorted(counts.items())),
    }
