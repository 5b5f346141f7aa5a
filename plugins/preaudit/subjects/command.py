"""The command line of a component as its program reads it: flags with their values, and what cannot be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from preaudit.snapshot import REDACTED

_LAUNCHERS = frozenset({"go-runner", "kube-log-runner"})
"""Programs that start another one unchanged; they stand before it, with flags of their own."""

_SWITCHES = """
    add-dir-header aggregator-reject-forwarding-redirect allocate-node-cidrs allow-privileged
    allow-untagged-cloud alsologtostderr anonymous-auth audit-log-batch-throttle-enable audit-log-compress
    audit-log-truncate-enabled audit-webhook-batch-throttle-enable audit-webhook-truncate-enabled
    authentication-skip-lookup authentication-tolerate-lookup-failure configure-cloud-routes
    contention-profiling disable-attach-detach-reconcile-sync disable-force-detach-on-timeout
    disable-http2-serving emulation-forward-compatible enable-aggregator-routing enable-bootstrap-token-auth
    enable-dynamic-provisioning enable-garbage-collector enable-hostpath-provisioner enable-leader-migration
    enable-logs-handler enable-priority-and-fairness encryption-provider-config-automatic-reload help
    leader-elect log-json-split-stream log-text-split-stream logtostderr one-output permit-address-sharing
    permit-port-sharing profiling runtime-config-emulation-forward-compatible
    service-account-extend-token-expiration service-account-lookup shutdown-send-retry-after skip-headers
    skip-log-headers use-service-account-credentials version watch-cache
    auto-tls client-cert-auth debug discovery-insecure-skip-tls-verify discovery-insecure-transport
    enable-distributed-tracing enable-grpc-gateway enable-log-rotation enable-pprof enable-v2
    experimental-compact-hash-check-enabled experimental-enable-distributed-tracing
    experimental-enable-grpc-logging experimental-enable-lease-checkpoint
    experimental-enable-lease-checkpoint-persist experimental-initial-corrupt-check experimental-memory-mlock
    experimental-peer-skip-client-san-verification experimental-serializable-ordering
    experimental-stop-grpc-service-on-defrag experimental-txn-mode-write-with-shared-buffer force-new-cluster
    initial-election-tick-advance memory-mlock peer-auto-tls peer-client-cert-auth
    peer-skip-client-san-verification pre-vote socket-reuse-address socket-reuse-port strict-reconfig-check
    unsafe-no-fsync
"""
SWITCHES = frozenset(_SWITCHES.split())
"""Flags that take no word after them: those of Kubernetes 1.35's components, then etcd 3.6's.

Every other flag takes the next word, whatever it is. One that is not known here may be either.
"""


@dataclass(frozen=True, slots=True)
class Given:
    """One flag as it was given once.

    Attributes:
        value: the text after ``=`` or of the next element; None for a bare flag.
        separate: the value is an element of its own, which a switch would not take.
        hidden: why the value is not known, "" where it is.
    """

    value: str | None
    separate: bool = False
    hidden: str = ""


@dataclass(slots=True)
class CommandLine:
    """The flags of one command line, by name without dashes, in the order given.

    Attributes:
        flags: every occurrence of every flag.
        hidden: why nothing can be told about any flag; "" where each can be.
    """

    flags: dict[str, list[Given]] = field(default_factory=dict)
    hidden: str = ""


def parse(elements: Any, program: str) -> CommandLine:
    """The flags of `program` in the joined ``command`` and ``args`` of a container.

    Underscores in names are dashes, as in every Kubernetes component. What a shell, an unknown entrypoint or a
    redacted element may hold makes the whole line hidden: a flag that is not seen there may still be given.

    Args:
        elements: the elements; a redacted one is an object.
        program: base name of the program, ``kube-apiserver``.
    """
    line = CommandLine()
    if not isinstance(elements, list) or not elements:
        line.hidden = "the image's entrypoint decides, the pod has no command"
        return line
    start = _start(elements, program)
    if start is None:
        line.hidden = f"{program} is not started directly, so its flags are not seen"
        return line
    rest = elements[start:]
    index, doubtful = 0, False
    while index < len(rest) and not line.hidden:
        if rest[index] == "--":
            if doubtful:
                line.hidden = "whether the flags end at -- cannot be told: it may be the value of the flag before it"
            break
        taken, doubtful = _take(line, rest, index, doubtful=doubtful)
        index += taken
    return line


def _start(elements: list[Any], program: str) -> int | None:
    """Index of the first flag; None where something else than a plain launcher starts the program."""
    for index, element in enumerate(elements):
        if not isinstance(element, str):
            return None
        name = element.rpartition("/")[2]
        if name == program:
            return index + 1
        if not (name in _LAUNCHERS if index == 0 else element.startswith("-")):
            return None
    return None


def _take(line: CommandLine, rest: list[Any], index: int, *, doubtful: bool) -> tuple[int, bool]:
    """Add the flag at `index`, and tell how many elements it took and whether it may have taken the next one as well.

    Args:
        line: where to add it.
        rest: the elements after the program.
        index: where the flag stands.
        doubtful: it may be the value of the flag before it.
    """
    element = rest[index]
    if not isinstance(element, str):
        flag = _marked_flag(element)
        if flag is None:
            line.hidden = "an element of the command was redacted"
        else:
            line.flags.setdefault(flag, []).append(Given(None, hidden="its value was redacted"))
        return 1, False
    if not element.startswith("-") or element == "-":
        if "$(" in element:
            line.hidden = "an element of the command comes from an environment variable"
        return 1, False  # a word of its own; these programs take none
    name, equals, value = element.partition("=")
    if "$(" in name:
        line.hidden = "an element of the command comes from an environment variable"
        return 1, False
    given, taken, unsure = (Given(value), 1, False) if equals else _bare(line, _name(name), rest[index + 1 : index + 2])
    if given.value is not None and "$(" in given.value:
        given = Given(None, hidden="its value comes from an environment variable")
    if doubtful:
        given = Given(None, hidden="whether it is a flag or the value of the one before it cannot be told")
    line.flags.setdefault(_name(name), []).append(given)
    return taken, unsure


def _bare(line: CommandLine, name: str, following: list[Any]) -> tuple[Given, int, bool]:
    """A flag without ``=``, by the element after it (none at the end), and the same as `_take` tells."""
    element = following[0] if following else ""
    if isinstance(element, dict):
        # Only a value without the name of a flag of its own, or with this one's, is this one's.
        if _marked_flag(element) in {None, name}:
            return Given(None, hidden="its value was redacted"), 2, False
    elif isinstance(element, str) and element.startswith("$("):
        line.hidden = "an element of the command comes from an environment variable"
        return Given(None), 1, False
    elif isinstance(element, str) and following and (element == "-" or not element.startswith("-")):
        return Given(element, separate=True), 2, False
    if not following or name in SWITCHES:
        return Given(None), 1, False
    return Given(None, hidden="whether the word after it is its value cannot be told"), 1, True


def _name(flag: str) -> str:
    return flag.lstrip("-").replace("_", "-")


def _marked_flag(element: Any) -> str | None:
    """The flag of a redacted element, None where the mark does not tell."""
    mark = element.get(REDACTED) if isinstance(element, dict) else None
    flag = mark.get("flag") if isinstance(mark, dict) else None
    return _name(flag) if isinstance(flag, str) and flag.startswith("-") else None
