"""Where the cluster is and who we are there: kubeconfig, contexts, exec plugins, proxies, in-cluster credentials.

The ``kubernetes`` package reads the configuration, because every authentication scheme that users have is known
there; its API classes are not used. It is imported on first use, as runs on stored snapshots never need it.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from preaudit.collect.credentials import without_userinfo
from preaudit.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3

LOAD_SECONDS = 90
"""How long reading the configuration may take, including a log-in by an exec plugin."""

CONNECTIONS = 8
"""Connections kept open to the API server; more threads than that wait."""


@dataclass(frozen=True, slots=True)
class Access:
    """A way to one API server.

    Attributes:
        api_url: base URL without a final slash.
        context: the context's name, "" when running in a cluster.
        pool: the urllib3 pool with TLS, client certificate and proxy set up.
        authorization: gives the ``Authorization`` header's value, "" for none; may refresh an expired token.
        verified: whether the server's certificate is checked.
        cert_file: client certificate file, or None.
        key_file: its key.
        ca_file: file of the CA that the server's certificate is checked against, or None.
        notes: limits of this access, in sentences.
    """

    api_url: str
    context: str
    pool: urllib3.PoolManager
    authorization: Callable[[], str]
    verified: bool = True
    cert_file: str | None = None
    key_file: str | None = None
    ca_file: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def shown_url(self) -> str:
        """The URL as it may be told: people write passwords and tokens into it."""
        return without_userinfo(self.api_url).partition("?")[0]


def load_access(kubeconfig: str | None, context: str | None) -> Access:
    """Read the configuration as kubectl does: the given file, KUBECONFIG, ``~/.kube/config``, then in-cluster.

    Raises:
        TargetError: there is no configuration, or it cannot be used; the sentence says what to change.
    """
    outcome: list[Access | BaseException] = []

    def load() -> None:
        try:
            outcome.append(_load(kubeconfig, context))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, where it is raised again
            outcome.append(error)

    worker = threading.Thread(target=load, name="kubeconfig", daemon=True)
    worker.start()
    worker.join(LOAD_SECONDS)
    if not outcome:
        raise TargetError(
            f"reading the kubeconfig took more than {LOAD_SECONDS} s; its exec plugin probably waits for a log-in, "
            f"log in first (kubectl get --raw /version) and try again"
        )
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _load(kubeconfig: str | None, context: str | None) -> Access:
    paths = _paths(kubeconfig)
    if paths:
        return _from_files(paths, context)
    if kubeconfig is not None:
        raise TargetError(f"kubeconfig {kubeconfig} does not exist; name the right file with --kubeconfig")
    if context is not None:
        raise TargetError(f"context {context!r} was asked for, but there is no kubeconfig; give one with --kubeconfig")
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return _in_cluster()
    named = os.environ.get("KUBECONFIG")
    where = f"KUBECONFIG={named} names no file that exists" if named else "~/.kube/config does not exist"
    raise TargetError(
        f"no cluster to look at: {where} and this is not a pod; give --kubeconfig FILE, or judge files with "
        f"--manifests or a stored --snapshot"
    )


def _paths(kubeconfig: str | None) -> list[str]:
    """The kubeconfig files that exist, in kubectl's order."""
    if kubeconfig is not None:
        candidates = [kubeconfig]
    else:
        candidates = (os.environ.get("KUBECONFIG") or "~/.kube/config").split(os.pathsep)
    expanded = [str(Path(name).expanduser()) for name in candidates if name]
    return [name for name in expanded if Path(name).is_file()]


def _from_files(paths: list[str], context: str | None) -> Access:
    from kubernetes.client import Configuration  # noqa: PLC0415 - a quarter of a second, live runs only
    from kubernetes.config import ConfigException, kube_config  # noqa: PLC0415

    names = os.pathsep.join(paths)
    complaints = _Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        loader: Any = kube_config  # it has no types of its own
        merged = loader.KubeConfigMerger(names).config
        content: Any = {} if merged is None else merged.value
        chosen = context or content.get("current-context") or ""
        known = sorted(str(_plain(entry).get("name", "")) for entry in content.get("contexts") or [])
        _check_context(names, chosen, known)
        configuration = Configuration()
        loader.load_kube_config(
            config_file=names, context=chosen, client_configuration=configuration, persist_config=True
        )
        cluster, user = _entries(content, chosen)
    except TargetError:
        raise
    except ConfigException as error:
        raise TargetError(f"kubeconfig {names} cannot be used: {_sentence(error)}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        raise TargetError(f"kubeconfig {names}{line} is not YAML: {getattr(error, 'problem', error)}") from None
    except OSError as error:
        raise TargetError(f"kubeconfig {names}: {error.filename or ''}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TargetError(
            f"kubeconfig {names} is not well-formed ({type(error).__name__}: {_sentence(error)}); "
            f"check it with: kubectl config view --minify"
        ) from None
    finally:
        logging.getLogger().removeHandler(complaints)
    if not cluster.get("server"):
        raise TargetError(f"kubeconfig {names}: the cluster of context {chosen!r} has no server; add its URL")
    _check_credentials(names, chosen, configuration, user, complaints.texts)
    if not configuration.proxy and cluster.get("proxy-url"):
        configuration.proxy = cluster["proxy-url"]
    if not configuration.tls_server_name and cluster.get("tls-server-name"):
        configuration.tls_server_name = cluster["tls-server-name"]
    return _access(configuration, chosen)


def _entries(content: dict[str, Any], chosen: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cluster and the user of a context, as plain mappings."""

    def named(section: str, name: str, key: str) -> dict[str, Any]:
        for entry in map(_plain, content.get(section) or []):
            if entry.get("name") == name:
                return dict(_plain(entry.get(key)) or {})
        return {}

    context = named("contexts", chosen, "context")
    return named("clusters", context.get("cluster", ""), "cluster"), named("users", context.get("user", ""), "user")


def _plain(node: Any) -> Any:
    """The value behind one of the loader's nodes."""
    return getattr(node, "value", node)


def _check_credentials(
    names: str, chosen: str, configuration: Any, user: dict[str, Any], complaints: list[str]
) -> None:
    """Refuse credentials that the loader gave up on: it logs, goes on, and we would be anonymous."""
    token, certificate = bool(configuration.api_key), configuration.cert_file
    if bool(certificate) != bool(configuration.key_file):
        missing = "client-key" if certificate else "client-certificate"
        raise TargetError(f"kubeconfig {names}: the user of context {chosen!r} has no {missing}; add it")
    if {"exec", "auth-provider"} & set(user) and not token and not certificate:
        why = f": {complaints[-1]}" if complaints else ""
        raise TargetError(f"kubeconfig {names}: the log-in program of context {chosen!r} gave no credentials{why}")
    for name in (configuration.ssl_ca_cert, certificate, configuration.key_file):
        if name and not Path(name).is_file():
            raise TargetError(f"kubeconfig {names}: {name} does not exist")


def _in_cluster() -> Access:
    from kubernetes.client import Configuration  # noqa: PLC0415
    from kubernetes.config import ConfigException, incluster_config  # noqa: PLC0415

    configuration = Configuration()
    loader: Any = incluster_config  # it has no types of its own
    try:
        loader.load_incluster_config(client_configuration=configuration)
    except ConfigException as error:
        raise TargetError(
            f"this is a pod, but its ServiceAccount cannot be used: {_sentence(error)}; mount its token"
        ) from None
    return _access(configuration, "")


def _access(configuration: Any, context: str) -> Access:
    from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415

    configuration.connection_pool_maxsize = CONNECTIONS
    configuration.retries = False
    pool = RESTClientObject(configuration).pool_manager
    lock = threading.Lock()

    def authorization() -> str:
        with lock:
            if configuration.refresh_api_key_hook is not None:
                configuration.refresh_api_key_hook(configuration)
            for name in ("BearerToken", "authorization"):
                if name in configuration.api_key:
                    prefix = configuration.api_key_prefix.get(name, "")
                    return f"{prefix} {configuration.api_key[name]}".strip()
        return ""

    notes = []
    if not configuration.host.startswith("https:"):
        notes.append("The API server was read without TLS: anyone on the way could have changed what was seen.")
    elif not configuration.verify_ssl:
        notes.append(
            "The API server's certificate was not verified (insecure-skip-tls-verify): "
            "anyone on the way could have changed what was seen."
        )
    return Access(
        api_url=configuration.host.rstrip("/"),
        context=context,
        pool=pool,
        authorization=authorization,
        verified=bool(configuration.verify_ssl),
        cert_file=configuration.cert_file,
        key_file=configuration.key_file,
        ca_file=configuration.ssl_ca_cert,
        notes=tuple(notes),
    )


def _check_context(names: str, chosen: str, known: list[str]) -> None:
    """Raise a `TargetError` that names the known contexts, unless `chosen` is one of them."""
    if chosen in known and chosen:
        return
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    if not known:
        raise TargetError(f"kubeconfig {names} has no contexts; it names no cluster to look at")
    if not chosen:
        raise TargetError(f"kubeconfig {names} has no current context; choose one with --context: {shown}")
    raise TargetError(f"kubeconfig {names} has no context {chosen!r}; known are: {shown}")


def _sentence(error: BaseException) -> str:
    """An error of the loader on one line, at most 300 characters."""
    return " ".join(str(error).split())[:300] or type(error).__name__


class _Complaints(logging.Handler):
    """Catches what the loader logs instead of raising."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, one line."""
        self.texts.append(" ".join(record.getMessage().split())[:300])
