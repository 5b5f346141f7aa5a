"""Redaction of pod specifications, and its reuse: thousands of replicas differ only in their node's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from preaudit.collect.redact import Redactor

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")

_NODE_NAME = re.compile(rb'"nodeName":("[A-Za-z0-9.\-]{1,253}")')
_AFFINITY = b'"values":[%b]'
"""A node's name is exchanged in its field and in the affinity that a DaemonSet adds. Nowhere else, as a node may be
called like a key (``"value"``), and exchanging that would hide a value from the redaction."""
_TOKEN_VOLUME = re.compile(rb'"kube-api-access-[a-z0-9]{5}"')
_NODE_STAND_IN = b'"node-of-this-pod.preaudit.invalid"'
_TOKEN_STAND_IN = b'"kube-api-access-preaudit-stand-in"'
_MAX_CACHED_BYTES = 32 * 2**20


def redact_pod_spec(redactor: Redactor, spec: Any) -> Any:
    """A pod's ``spec`` with environment values, credentials in commands and header values replaced; in place.

    What depends on one value and its field alone is left to `Redactor.kept`.
    """
    if not isinstance(spec, dict):
        return None if spec is None else redactor.token(spec)
    for key in _CONTAINERS:
        if key in spec:
            spec[key] = _each(redactor, spec[key], _container)
    return spec


def _each(redactor: Redactor, items: Any, change: Callable[[Redactor, dict[str, Any]], Any]) -> Any:
    """`change` for every mapping of a list; what has another shape than the API allows becomes a token."""
    if items is None:
        return None
    if not isinstance(items, list):
        return redactor.token(items)
    return [change(redactor, item) if isinstance(item, dict) else redactor.token(item) for item in items]


def _container(redactor: Redactor, container: dict[str, Any]) -> dict[str, Any]:
    command = container.get("command")
    if "args" in container:
        container["args"] = redactor.arguments(container["args"], command)
    if "command" in container:
        container["command"] = redactor.arguments(command)
    if "env" in container:
        container["env"] = _each(redactor, container["env"], _variable)
    for key in _PROBES:
        if key in container:
            container[key] = _handler(redactor, container[key])
    lifecycle = container.get("lifecycle")
    if isinstance(lifecycle, dict):
        for key in ("postStart", "preStop"):
            if key in lifecycle:
                lifecycle[key] = _handler(redactor, lifecycle[key])
    elif lifecycle is not None:
        container["lifecycle"] = redactor.token(lifecycle)
    return container


def _variable(redactor: Redactor, variable: dict[str, Any]) -> dict[str, Any]:
    if "value" in variable:
        variable["value"] = redactor.token(variable["value"], name=str(variable.get("name", "")))
    return variable


def _handler(redactor: Redactor, handler: Any) -> Any:
    """A probe or lifecycle handler."""
    if not isinstance(handler, dict):
        return None if handler is None else redactor.token(handler)
    command = handler.get("exec")
    if isinstance(command, dict) and "command" in command:
        command["command"] = redactor.arguments(command["command"])
    elif command is not None and not isinstance(command, dict):
        handler["exec"] = redactor.token(command)
    request = handler.get("httpGet")
    if isinstance(request, dict):
        if "httpHeaders" in request:
            request["httpHeaders"] = _each(redactor, request["httpHeaders"], _variable)
    elif request is not None:
        handler["httpGet"] = redactor.token(request)
    return handler


class PodSpecs:
    """Redacts encoded pod specs, each distinct one once.

    The node's name and the token volume's name differ in every replica: they are exchanged for stand-ins before the
    look-up and put back after it. Where a stand-in would fall into a redacted value, its count in the result differs,
    and the spec is redacted on its own.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[bytes, tuple[bytes, Counter[str]]] = {}
        self._bytes = 0

    def redact(self, raw: bytes) -> bytes:
        """The redacted, encoded form of one encoded pod spec."""
        node = _NODE_NAME.search(raw)
        volume = _TOKEN_VOLUME.search(raw)
        if b"preaudit" in raw and (_NODE_STAND_IN in raw or _TOKEN_STAND_IN in raw):
            return self._redact(raw)
        shared = raw
        if node is not None:
            shared = raw[: node.start(1)] + _NODE_STAND_IN + raw[node.end(1) :]
            affinity = _AFFINITY % node[1]
            if affinity in shared:
                shared = shared.replace(affinity, _AFFINITY % _NODE_STAND_IN)
        if volume is not None:
            shared = shared.replace(volume[0], _TOKEN_STAND_IN)
        found = self._known.get(shared)
        if found is None:
            before = self._redactor.counts.copy()
            redacted = self._redact(shared)
            counts = self._redactor.counts - before
            whole = all(redacted.count(mark) == shared.count(mark) for mark in (_NODE_STAND_IN, _TOKEN_STAND_IN))
            if not whole:
                self._redactor.counts = before
                return self._redact(raw)
            if self._bytes + len(shared) + len(redacted) <= _MAX_CACHED_BYTES:
                self._known[shared] = redacted, counts
                self._bytes += len(shared) + len(redacted)
        else:
            redacted, counts = found
            self._redactor.counts += counts
        if node is not None:
            redacted = redacted.replace(_NODE_STAND_IN, node[1])
        if volume is not None:
            redacted = redacted.replace(_TOKEN_STAND_IN, volume[0])
        return redacted

    def _redact(self, raw: bytes) -> bytes:
        return self._redactor.changed(raw, lambda spec: redact_pod_spec(self._redactor, spec), "PodSpec")
