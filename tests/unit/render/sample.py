"""A realistic run for the renderings: three areas, every verdict, two levels, a namespace that was not seen."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from preaudit.evidence.manifest import (
    CatalogueEntry,
    Control,
    Gate,
    Manifest,
    Parameter,
    Profile,
    Run,
    Totals,
    WaiverUse,
)
from preaudit.evidence.record import Observation, Record, Subject, in_order
from preaudit.snapshot import Identity, SourceStatus, Status, Target
from preaudit.verdict import Level, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

FORBIDDEN = 'pods is forbidden: User "system:serviceaccount:audit:reader" cannot list resource "pods" in "payments"'
CONFIGZ = "nodes/configz is forbidden: the right get on nodes/configz is missing"
_REQUIREMENTS = {
    "POD-101": ("pod_security", Severity.CRITICAL, "Containers run without the privileged flag.",
                "A privileged container can take over the node and every other workload on it.",
                "remove ``securityContext.privileged`` and grant the single capability that the process needs",
                "false or unset", "pss:baseline/privileged"),
    "POD-102": ("pod_security", Severity.HIGH, "Pods stay out of the node's network, process and IPC namespaces.",
                "A pod in the node's namespaces sees the traffic and the processes of every other pod there.",
                "remove ``hostNetwork``, ``hostPID`` and ``hostIPC`` from the pod's spec", "false or unset",
                "pss:baseline/hostNamespaces"),
    "POD-103": ("pod_security", Severity.HIGH, "Pods mount no path of the node.",
                "What is written to the node outlives the pod and is out of every quota.",
                "use a PersistentVolumeClaim, an emptyDir or a projected volume", "no hostPath volume",
                "pss:baseline/hostPathVolumes"),
    "POD-110": ("pod_security", Severity.MEDIUM, "Containers run as a user other than root.",
                "Root in a container is root on the node as soon as one boundary fails.",
                "set ``runAsNonRoot: true`` and a ``USER`` in the image", "true", "pss:restricted/runAsNonRoot"),
    "POD-111": ("pod_security", Severity.MEDIUM, "Containers cannot gain privileges while they run.",
                "A setuid binary in the image would undo a non-root user.",
                "set ``allowPrivilegeEscalation: false``", "false", "pss:restricted/allowPrivilegeEscalation"),
    "RBAC-201": ("access", Severity.CRITICAL, "Only the platform's own accounts hold cluster-admin.",
                 "Whoever holds it can read every Secret and change every verdict.",
                 "bind a Role with the few rights that the account uses", "no binding outside kube-system",
                 "nist-800-53r5:ac-6"),
    "RBAC-202": ("access", Severity.HIGH, "No account may read all Secrets of the cluster.",
                 "One leaked token would give away all credentials.",
                 "name the Secrets in ``resourceNames``, or use one Role a namespace", "no such rule",
                 "nist-800-53r5:ac-6"),
    "AUD-301": ("audit", Severity.HIGH, "The kubelet refuses anonymous requests.",
                "An anonymous kubelet runs commands in every pod for everybody who reaches it.",
                "set ``authentication.anonymous.enabled: false`` in the kubelet's configuration", "false",
                "cis-k8s-2.0.1:4.2.1"),
    "AUD-302": ("audit", Severity.MEDIUM, "Audit logs are kept for the retention that the profile asks for.",
                "An incident is often found after months.", "lengthen the retention of the log store",
                "at least the profile's days", "pci-dss-4.0.1:10.5.1"),
}  # fmt: skip
_OBSERVED = {
    "POD-101": ("containers[app]", "securityContext.privileged", True, False),
    "POD-102": ("", "spec.hostNetwork", True, False),
    "POD-103": ("volumes[logs]", "hostPath.path", "/var/log", None),
    "POD-110": ("containers[app]", "securityContext.runAsNonRoot", None, True),
    "POD-111": ("containers[app]", "securityContext.allowPrivilegeEscalation", True, False),
}
_READS = {"pod_security": ("pods", "deployments.apps"), "access": ("clusterrolebindings.rbac.authorization.k8s.io",),
          "audit": ("nodes/configz",)}  # fmt: skip


def entry(name: str) -> CatalogueEntry:
    """The catalogue entry of one of the sample's requirements."""
    area, severity, title, why, fix, expected, control = _REQUIREMENTS[name]
    framework, _, number = control.partition(":")
    return CatalogueEntry(
        id=name, title=title, area=area, severity=severity, level=Level.FAIL, why=why, fix=fix, expected=expected,
        method="EXAMINE", population="every container of every workload, and of every pod without one",
        sources=_READS[area],
        controls=(Control(framework=framework, id=number, relationship="full"),
                  Control(framework="nist-800-53r5", id="cm-6", relationship="supports")),
        reperform=f"preaudit verify . --reperform --select {name}", file=f"suites/{area}/test_topic.py",
        sha256="4b" * 32, limitations="Pods that ended before the collection are not seen.",
        parameters=("pod_security.version",) if area == "pod_security" else (),
    )  # fmt: skip


def record(name: str, verdict: Verdict, **given: object) -> Record:
    """A record of one of the sample's requirements, with anything given instead of the usual."""
    area, severity, title, _, _, expected, control = _REQUIREMENTS[name]
    facts: dict[str, object] = {
        "requirement": name, "title": title, "area": area, "severity": severity, "controls": (control,),
        "namespace": "shop", "subject": None, "verdict": verdict, "level": Level.FAIL, "scope": "product",
        "source": "pods", "reason": "", "expected": expected,
    }  # fmt: skip
    return Record(**{**facts, **given})  # type: ignore[arg-type]


def workload(name: str, verdict: Verdict, where: str, kind: str, subject: str, **given: object) -> Record:
    """A record about one container of a workload, its reason as a check tells it."""
    within, path, bad, good = _OBSERVED[name]
    value = bad if verdict in {Verdict.FAIL, Verdict.WAIVED} else good
    told = f"{f'{within}.' if within else ''}{path} is {json.dumps(value)}, expected {_REQUIREMENTS[name][5]}"
    facts: dict[str, object] = {
        "namespace": where, "pods": 3, "spec": "9f2c" * 16, "reason": "" if verdict is Verdict.PASS else told,
        "subject": Subject(api_version="apps/v1", kind=kind, namespace=where, name=subject, uid="u-1", within=within),
        "observed": (Observation(f"spec.template.spec.{path}", value),),
    }  # fmt: skip
    return record(name, verdict, **{**facts, **given})


def sample_records() -> list[Record]:
    """About 300 records, in the order of a pack."""
    found: list[Record] = []
    pods = [name for name in _REQUIREMENTS if name.startswith("POD")]
    for number, name in enumerate(pods):
        for where in ("shop", "orders", "kube-system", "edge"):
            for one in range(13):
                kind = ("Deployment", "StatefulSet", "DaemonSet")[one % 3]
                verdict = Verdict.FAIL if (one * 7 + number * 5 + len(where)) % (9 + number) == 0 else Verdict.PASS
                platform = where == "kube-system"
                found.append(workload(
                    name, verdict, where, kind, f"service-{one:02}", scope="platform" if platform else "product",
                    level=Level.INFO if platform else Level.FAIL,
                ))  # fmt: skip
        found.append(
            record(name, Verdict.UNKNOWN, namespace="payments", reason=f"not seen: pods (forbidden: {FORBIDDEN})")
        )
        found.append(record(name, Verdict.NOT_APPLICABLE, namespace="empty", reason="pods in empty: 0 of 0, complete"))
    found.append(workload("POD-101", Verdict.WAIVED, "kube-system", "DaemonSet", "cni", waiver="W-7"))
    found.append(workload("POD-103", Verdict.FAIL, "shop", "Deployment", "x" * 120 + "-the-end-of-a-long-name",
                          note="the template has no such volume: a webhook added it", source="template"))  # fmt: skip
    for one in range(3):
        subject = Subject(api_version="rbac.authorization.k8s.io/v1", kind="ClusterRoleBinding", name=f"admin-{one}",
                          within=f"subjects[ServiceAccount shop/api-{one}]")  # fmt: skip
        found.append(record("RBAC-201", Verdict.FAIL, namespace="cluster", subject=subject,
                            source="clusterrolebindings.rbac.authorization.k8s.io",
                            reason=f"ServiceAccount shop/api-{one} holds cluster-admin",
                            observed=(
                                Observation("roleRef.name", "cluster-admin"),
                                Observation("subjects", [{"kind": "ServiceAccount", "name": f"api-{one}"}]),
                            )))  # fmt: skip
    found.append(record("RBAC-202", Verdict.PASS, namespace="cluster", reason=""))
    found.extend(record("AUD-301", Verdict.UNKNOWN, namespace="cluster", source="nodes/configz",
                        subject=Subject(api_version="v1", kind="Node", name=name),
                        reason=f"nodes/configz: forbidden: {CONFIGZ}") for name in ("node-a", "node-b"))  # fmt: skip
    found.append(record("AUD-302", Verdict.MANUAL, namespace="cluster", source="nodes",
                        reason="the log store is outside the cluster: a person attests its retention"))  # fmt: skip
    return in_order(found)


def manifest_for(records: Sequence[Record], **given: object) -> Manifest:
    """The manifest that counts these records."""
    verdicts = Counter(one.verdict for one in records)
    facts: dict[str, object] = {
        "tool": {"name": "preaudit", "version": "0.1.0"},
        "profile": Profile(
            name="bank", title="Banks and payment institutions", version="2026.11",
            layers=({"name": "bank", "file": "profiles/bank.yaml", "sha256": "ab" * 32},
                    {"name": "baseline", "file": "profiles/baseline.yaml", "sha256": "cd" * 32}),
            parameters=(
                Parameter(name="pod_security.version", value="latest", unit="", layer="baseline.yaml",
                          meaning="Version of the Pod Security Standards that pods are judged by.",
                          source="Kubernetes documentation", source_date="2026-08-01", kind="benchmark"),
                Parameter(name="log.retention", value=365, unit="d", layer="bank.yaml", overrides=("baseline.yaml",),
                          meaning="How long audit logs are kept.", source="PCI DSS 4.0.1, 10.5.1",
                          source_date="2024-06-11", kind="regulation"),
            ),
        ),
        "now": "2026-11-22T12:00:00Z",
        "target": Target(api_url="https://10.0.0.1:6443", context="acme-prod", version="v1.35.4", nodes=2,
                         cluster_uid="7f3c9a52-0c1d-4e57-9f0e-2f6f3f1c8a11", certificate_sha256="0f" * 32,
                         skew_seconds=0.4),
        "identity": Identity(user="system:serviceaccount:audit:reader", groups=("system:authenticated",)),
        "snapshot": {"mode": "live", "started": "2026-11-22T12:00:00Z", "finished": "2026-11-22T12:00:02Z",
                     "notes": ["An empty list is believed unless another source contradicts it."]},
        "sources": (
            SourceStatus(source="clusterrolebindings.rbac.authorization.k8s.io", status=Status.COLLECTED, count=61,
                         call="GET /apis/rbac.authorization.k8s.io/v1/clusterrolebindings?limit=500"),
            SourceStatus(source="deployments.apps", status=Status.COLLECTED, count=18,
                         call="GET /apis/apps/v1/deployments?limit=500"),
            SourceStatus(source="nodes/configz", status=Status.FORBIDDEN, cause=CONFIGZ),
            SourceStatus(source="pods", status=Status.FORBIDDEN, cause="pods is forbidden at cluster scope"),
            *(SourceStatus(source="pods", namespace=name, status=Status.COLLECTED, count=39,
                           call=f"GET /api/v1/namespaces/{name}/pods?limit=500", finished="2026-11-22T12:00:01Z")
              for name in ("edge", "empty", "kube-system", "orders", "shop")),
            SourceStatus(source="pods", namespace="payments", status=Status.FORBIDDEN, cause=FORBIDDEN),
        ),
        "partial": (),
        "left_out": ({"requirement": "TLS-101", "reason": "the active group connect is not part of this run"},),
        "deselected": (),
        "catalogue": tuple(entry(name) for name in _REQUIREMENTS),
        "totals": Totals(items_collected=49, items_executed=49, items_deselected=0, records=len(records),
                         verdicts={verdict.value: verdicts[verdict] for verdict in Verdict}),
        "waivers": (
            WaiverUse(id="W-7", requirement="POD-101", owner="platform team", approver="CISO", state="live",
                      subject={"kind": "DaemonSet", "namespace": "kube-system", "name": "cni"}, days_left=129,
                      reason="the CNI programs the node's network", approved_on="2026-11-22", expires="2027-03-31",
                      compensating_control="image pinned by digest, namespace closed to tenants", subjects=1),
            WaiverUse(id="W-3", requirement="POD-110", owner="shop team", approver="CISO", state="expired",
                      subject={"kind": "Deployment", "namespace": "shop", "name": "service-00"}, days_left=-22,
                      reason="the vendor's image has no other user", approved_on="2026-01-10", expires="2026-10-31",
                      compensating_control="read-only root file system"),
        ),
        "gate": Gate(exit_code=1, meaning="something fails"),
        "run": Run(id="0199a6f0-6f6e-7c1c-9c55-2b1a9d9c1e10", started="2026-11-22T12:00:00Z", local_offset="+01:00",
                   finished="2026-11-22T12:00:03Z", operator="field@laptop", python="3.11.2", platform="Linux 6.1",
                   command=("preaudit", "run", "--profile", "bank")),
    }  # fmt: skip
    return Manifest(**{**facts, **given})  # type: ignore[arg-type]
