"""Which cluster is looked at, and as whom: asked of the server, never assumed."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec
from msgspec import Struct

from preaudit.collect.listing import refusal
from preaudit.collect.transport import Answer, Api, Budget, NotAnswered
from preaudit.collect.wording import clean
from preaudit.errors import TargetError
from preaudit.snapshot import Identity, Target

_REVIEWS = (
    ("/apis/authentication.k8s.io/v1/selfsubjectreviews", "authentication.k8s.io/v1"),
    ("/apis/authentication.k8s.io/v1beta1/selfsubjectreviews", "authentication.k8s.io/v1beta1"),
)


class _Version(Struct):
    gitVersion: str = ""  # noqa: N815 - the API's name


class _UserInfo(Struct):
    username: str = ""
    groups: list[str] | None = None


class _ReviewStatus(Struct):
    userInfo: _UserInfo = msgspec.field(default_factory=_UserInfo)  # noqa: N815


class _Review(Struct):
    status: _ReviewStatus


class _UidMetadata(Struct):
    name: str = ""
    uid: str = ""


class _Namespace(Struct):
    metadata: _UidMetadata
    kind: str = ""


def first_contact(api: Api, clock: datetime) -> tuple[Target, Identity]:
    """Reach the server and learn its version, certificate, clock skew and who we are to it.

    Args:
        api: the server.
        clock: our time now, UTC, to be compared with the server's.

    Raises:
        TargetError: the server cannot be reached, or refuses the credentials.
    """
    url = api.access.shown_url
    try:
        answer = api.get("/version", budget=Budget(seconds=60))
    except NotAnswered as error:
        raise TargetError(_unreachable(url, error)) from None
    skew = None if answer.date is None else (answer.date - clock).total_seconds()
    identity = who_am_i(api)
    return (
        Target(
            api_url=url,
            context=api.access.context,
            version=_version(answer),
            certificate_sha256=hashlib.sha256(api.certificate).hexdigest() if api.certificate else "",
            skew_seconds=skew,
            cluster_uid=_cluster_uid(api),
        ),
        identity,
    )


def who_am_i(api: Api) -> Identity:
    """The identity that the server confirms (SelfSubjectReview).

    Raises:
        TargetError: the server refuses the credentials (401).
    """
    cause = ""
    for path, version in _REVIEWS:
        body = msgspec.json.encode({"apiVersion": version, "kind": "SelfSubjectReview"})
        try:
            answer = api.review(path, body, budget=Budget(seconds=30))
        except NotAnswered as error:
            return Identity(cause=f"the server did not say who we are: {error.cause}")
        if answer.status == 401:
            raise TargetError(
                f"the server {api.access.shown_url} refuses the credentials (401); log in again or choose another "
                f"context with --context"
            )
        if answer.status == 201:
            return _identity(answer)
        cause = f"the server did not say who we are: {refusal(answer).cause}"
        if answer.status != 404:
            break
    return Identity(cause=cause)


def _identity(answer: Answer) -> Identity:
    try:
        user = msgspec.json.decode(answer.body, type=_Review).status.userInfo
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return Identity(cause=f"the server's SelfSubjectReview cannot be read: {clean(error, 120)}")
    if not user.username:
        return Identity(cause="the server's SelfSubjectReview names no user")
    return Identity(user=clean(user.username), groups=tuple(clean(group) for group in user.groups or ()))


def _version(answer: Answer) -> str:
    if answer.status != 200:
        return ""
    try:
        return clean(msgspec.json.decode(answer.body, type=_Version).gitVersion, 80)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""


def _cluster_uid(api: Api) -> str:
    """The UID of kube-system, which names a cluster for its whole life; "" if it may not be read."""
    try:
        answer = api.get("/api/v1/namespaces/kube-system", budget=Budget(seconds=30))
        if answer.status != 200:
            return ""
        return clean(msgspec.json.decode(answer.body, type=_Namespace).metadata.uid, 80)
    except (NotAnswered, msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""


def _unreachable(url: str, error: NotAnswered) -> str:
    if error.reason == "tls":
        cause = error.cause
        if "doesn't match" in cause or "not valid for" in cause or "mismatch" in cause.lower():
            hint = "set tls-server-name in the kubeconfig to a name that the certificate carries"
        elif "WRONG_VERSION" in cause or "record layer" in cause:
            hint = "the server speaks no TLS there; check the port and the scheme"
        elif "verify failed" in cause:
            hint = "a private CA belongs into certificate-authority or certificate-authority-data of the kubeconfig"
        else:
            hint = "check the client certificate and the CA in the kubeconfig"
        return f"the server {url} cannot be trusted: {cause}; {hint}"
    if error.reason == "redirect":
        return f"{url} is no API server: {error.cause}; check the server's URL in the kubeconfig"
    return f"the server {url} cannot be reached: {error.cause}; check the address, the network and the proxy settings"
