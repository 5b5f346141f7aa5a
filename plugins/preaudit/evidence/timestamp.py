"""The RFC 3161 token over the envelope: a third party's word on when the signature existed at the latest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509

from preaudit.evidence.certificates import UNREADABLE

MAX_TOKEN = 2**20


class TimestampRefused(ValueError):  # noqa: N818 - it says what happened to the token
    """A token that proves no time; a clause that says why."""


def verified_time(token: bytes, message: bytes, authorities: Sequence[x509.Certificate]) -> datetime:
    """The time at which an authority saw `message`, aware, UTC.

    Args:
        token: the TimeStampResp, DER, as ``openssl ts -reply`` and every service write it.
        message: the bytes of attestation.dsse.json.
        authorities: CA certificates that the verifier trusts for time.

    Raises:
        TimestampRefused: the token is not one of theirs over these bytes.
    """
    from rfc3161_client import VerifierBuilder, decode_timestamp_response  # noqa: PLC0415 - few packs have a token
    from rfc3161_client.errors import VerificationError  # noqa: PLC0415

    try:
        response = decode_timestamp_response(token)
    except UNREADABLE:
        raise TimestampRefused("is no RFC 3161 response in DER") from None
    builder = VerifierBuilder()
    for one in authorities:
        builder = builder.add_root_certificate(one)
    try:
        # The library reads the parts of a response when they are asked for: a malformed one fails anywhere in here.
        builder.build().verify_message(response, message)
        moment = response.tst_info.gen_time
    except VerificationError as error:
        raise TimestampRefused(f"does not verify: {error}") from None
    except (*UNREADABLE, AssertionError, OverflowError) as error:
        raise TimestampRefused(f"cannot be read: {error}") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
