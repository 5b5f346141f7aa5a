"""The kubelets' running configuration, read at each kubelet itself.

The kubelet would get our token, so it is asked only over TLS that a CA given for it verifies. The way through the API
server (``nodes/proxy``) needs a right that also starts programs in pods, and is never used.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import urllib3

from preaudit.collect.transport import RETRIED, Answer, NotAnswered, Request, exchange
from preaudit.collect.wording import clean
from preaudit.errors import UsageError
from preaudit.snapshot import SourceStatus, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from preaudit.collect.kubeconfig import Access
    from preaudit.collect.redact import Redactor

SOURCE = "nodes/configz"
NOT_ASKED = "not asked: the kubelet's certificate can only be verified with --kubelet-ca FILE"
SECONDS = 15.0
MAX_BYTES = 2**20
MAX_NODES = 5000
AT_ONCE = 8
AGAIN_SECONDS = 0.5
"""How long a kubelet that gave no usable answer is left alone before it is asked once more."""


@dataclass(frozen=True, slots=True)
class Kubelet:
    """Where one node's kubelet listens; `address` is "" where the node does not say."""

    node: str
    uid: str
    address: str
    port: int


def kubelets(nodes: Iterator[bytes]) -> list[Kubelet]:
    """The kubelets of the nodes in a snapshot's lines."""
    found = []
    for line in nodes:
        node = msgspec.json.decode(line)
        status = node.get("status") if isinstance(node.get("status"), dict) else {}
        endpoints = status.get("daemonEndpoints")
        endpoint = endpoints.get("kubeletEndpoint") if isinstance(endpoints, dict) else None
        port = endpoint.get("Port") if isinstance(endpoint, dict) else None
        addresses = [
            entry["address"]
            for entry in status.get("addresses") or []
            if isinstance(entry, dict) and entry.get("type") == "InternalIP" and _is_ip(entry.get("address"))
        ]
        usable = isinstance(port, int) and 0 < port < 2**16 and addresses
        where = (addresses[0], port) if usable else ("", 0)
        found.append(Kubelet(node["metadata"]["name"], node["metadata"].get("uid", ""), *where))
    return found


def read_configz(  # noqa: PLR0913 - where from, with what trust, and where to
    access: Access,
    found: list[Kubelet],
    *,
    kubelet_ca: str | None,
    redactor: Redactor,
    write: Callable[[bytes], None],
    times: Callable[[], str],
) -> list[SourceStatus]:
    """Ask every kubelet for its configuration, and write a line for each that answers.

    Returns:
        one status for each node, or a single one where none was asked.

    Raises:
        UsageError: the CA file cannot be used.
    """
    if not found:
        return []
    started = times()
    if kubelet_ca is None:
        return [
            SourceStatus(source=SOURCE, status=Status.ERROR, cause=NOT_ASKED, call="GET https://NODE/configz",
                         started=started, finished=started)
        ]  # fmt: skip
    context = _context(access, kubelet_ca)
    statuses = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="configz") as executor:
        asked = found[:MAX_NODES]
        for kubelet, (config, cause, status) in zip(
            asked, executor.map(lambda one: _ask(access, context, one), asked), strict=True
        ):
            call = f"GET https://{_host(kubelet)}/configz" if kubelet.address else "GET https://NODE/configz"
            if config is not None:
                metadata = {"name": kubelet.node, "uid": kubelet.uid}
                line = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
                kept = redactor.kept(config, "KubeletConfig")
                write(msgspec.json.encode({**line, "metadata": metadata, "config": kept}))
            statuses.append(
                SourceStatus(source=SOURCE, object=kubelet.node, status=status, cause=cause, call=call,
                             count=int(config is not None), started=started, finished=times())
            )  # fmt: skip
    statuses += [
        SourceStatus(source=SOURCE, object=kubelet.node, status=Status.TRUNCATED, started=started, finished=times(),
                     cause=f"not asked: more than {MAX_NODES} nodes")
        for kubelet in found[MAX_NODES:]
    ]  # fmt: skip
    return statuses


def _ask(access: Access, context: ssl.SSLContext, kubelet: Kubelet) -> tuple[dict[str, Any] | None, str, Status]:
    """The configuration of one kubelet, or why it is not known."""
    if not kubelet.address:
        return None, "the node names no usable InternalIP and kubelet port", Status.ERROR
    headers = {"Accept": "application/json"}
    authorization = access.authorization()
    if authorization:
        headers["Authorization"] = authorization
    request = Request("GET", f"https://{_host(kubelet)}/configz", headers)
    try:
        answer = _answered(context, request)
    except NotAnswered as error:
        return None, error.cause, Status.ERROR
    if answer.status == 403:
        return None, f"forbidden: {clean(answer.body.decode('utf-8', 'replace'))}", Status.FORBIDDEN
    if answer.status != 200:
        said = clean(answer.body.decode("utf-8", "replace"), 160)
        return None, f"the kubelet answered {answer.status}: {said}", Status.ERROR
    try:
        body = msgspec.json.decode(answer.body, type=dict[str, dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return None, f"the kubelet's answer cannot be read: {clean(error, 120)}", Status.ERROR
    config = body.get("kubeletconfig")
    if not config:
        return None, "the kubelet's answer has no kubeletconfig", Status.ERROR
    return config, "", Status.COLLECTED


def _answered(context: ssl.SSLContext, request: Request) -> Answer:
    """The kubelet's answer; a busy one, or one that is too slow once, is asked a second time.

    Raises:
        NotAnswered: nothing usable came.
    """
    pool = urllib3.PoolManager(ssl_context=context, maxsize=1)
    try:
        try:
            answer, _ = exchange(pool, request, seconds=SECONDS, limit=MAX_BYTES)
            if answer.status not in RETRIED:
                return answer
        except NotAnswered as error:
            if error.reason in {"tls", "size", "redirect"}:
                raise
        time.sleep(AGAIN_SECONDS)
        answer, _ = exchange(pool, request, seconds=SECONDS, limit=MAX_BYTES)
        return answer
    finally:
        pool.clear()


def _context(access: Access, kubelet_ca: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=kubelet_ca)
    except FileNotFoundError:
        raise UsageError(f"--kubelet-ca {kubelet_ca}: there is no such file") from None
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--kubelet-ca {kubelet_ca}: not a usable CA certificate in PEM form ({error})") from None
    context.check_hostname = True
    if access.cert_file and Path(access.cert_file).is_file():
        context.load_cert_chain(access.cert_file, access.key_file)
    return context


def _host(kubelet: Kubelet) -> str:
    host = f"[{kubelet.address}]" if ":" in kubelet.address else kubelet.address
    return f"{host}:{kubelet.port}"


def _is_ip(text: Any) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return isinstance(text, str) and "%" not in text
