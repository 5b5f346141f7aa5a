"""One run of the probe against a server that fails in every way: the cause is told, and nothing is left behind."""

from __future__ import annotations

import pytest

from preaudit.probe.client import Client, Fault, Unanswered
from preaudit.probe.running import Running
from preaudit.probe.words import MAX_LOG

POD = "/api/v1/namespaces/probes/pods"
GONE = "it and its pod are gone"


def waiting(reason, message="why"):
    return {"phase": "Pending", "containerStatuses": [{"name": "probe", "state": {"waiting": {"reason": reason, "message": message}}}]}


def failed(code, reason):
    return {"phase": "Failed", "containerStatuses": [{"name": "probe", "state": {"terminated": {"exitCode": code, "reason": reason}}}]}


def test_a_good_run_reads_the_log_and_leaves_nothing(cluster, running):
    cluster.log = b"hello\n"
    assert running.log() == b"hello\n"
    assert cluster.jobs == {}
    assert GONE in running.notes[-1]
    written = [one for one in cluster.seen if one[0] != "GET"]
    assert written == [("POST", "/apis/batch/v1/namespaces/probes/jobs"),
                       ("DELETE", "/apis/batch/v1/namespaces/probes/jobs/preaudit-probe-abc123")]  # fmt: skip


@pytest.mark.parametrize(
    ("pod", "cause"),
    [
        (waiting("ImagePullBackOff", "no such image"), "the pod waits: ImagePullBackOff: no such image"),
        (waiting("InvalidImageName"), "InvalidImageName"),
        (waiting("CreateContainerConfigError", "image runs as root"), "image runs as root"),
        (waiting("ErrImagePull"), "did not end within 60 s: the pod waits: ErrImagePull"),
        ({"phase": "Pending"}, "did not end within 60 s: the pod is Pending"),
        ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes"}]},
         "no node takes the pod: Unschedulable: 0/2 nodes"),
        ({"phase": "Running"}, "did not end within 60 s: the pod is Running"),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "the pod failed: Evicted: low on memory"),
        ({"phase": "Failed", "reason": "DeadlineExceeded"}, "the pod failed: DeadlineExceeded"),
        (failed(137, "OOMKilled"), "exit code 137 (OOMKilled): ModuleNotFoundError"),
        ({"phase": "Failed"}, "its status does not say why"),
        (None, "no pod was made for it; a quota or an admission rule may refuse it"),
    ],
)  # fmt: skip
def test_what_goes_wrong_with_the_pod_is_the_cause(cluster, running, pod, cause):
    cluster.pod, cluster.log = pod, b"Traceback\nModuleNotFoundError: \x1b[31mpreaudit\n"
    with pytest.raises(Fault) as error:
        running.log()
    assert cause in str(error.value)
    assert "\x1b" not in str(error.value)
    assert cluster.jobs == {}
    assert GONE in running.notes[-1]


def test_a_job_that_failed_without_a_pod(cluster, running):
    cluster.pod = None
    cluster.conditions = [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}]
    with pytest.raises(Fault, match="the Job failed: DeadlineExceeded: too long"):
        running.log()


def test_somebody_deletes_the_job(cluster, running):
    cluster.pod = {"phase": "Running"}
    client, asked = running.client, []

    class Deleting(Client):
        def pods(self, run_id):
            asked.append(run_id)
            if len(asked) == 2:
                cluster.jobs.clear()
            return super().pods(run_id)

    running.client = Deleting(client.access, client.namespace, client.sleep)
    with pytest.raises(Fault, match="somebody else deleted the Job"):
        running.log()
    assert "is not there" in running.notes[-1]


@pytest.mark.parametrize(
    ("refused", "message", "cause"),
    [
        (("GET", "jobs"), (403, "no right to list"), "Jobs of namespace probes could not be read: forbidden: no right to list"),
        (("POST", "jobs"), (403, "exceeded quota: count/jobs.batch=0"), "forbidden: exceeded quota"),
        (("POST", "jobs"), (404, "namespaces probes not found"), "namespaces probes not found"),
        (("GET", "pods"), (403, "no right"), "forbidden"),
        (("GET", "log"), (403, "no right to read logs"), "the probe's log could not be read: forbidden: no right to read logs"),
        (("GET", "log"), (500, "broken"), "the server answered 500: broken"),
    ],
)
def test_what_the_server_refuses_is_the_cause(cluster, running, refused, message, cause):
    cluster.refuse[refused] = message
    with pytest.raises(Fault) as error:
        running.log()
    assert cause in str(error.value)
    assert cluster.jobs == {}


def test_nothing_is_made_where_leftovers_cannot_be_looked_for(cluster, running):
    cluster.refuse["GET", "jobs"] = (403, "no")
    with pytest.raises(Fault):
        running.log()
    assert not [one for one in cluster.seen if one[0] == "POST"]
    assert running.notes == []


def test_a_job_that_cannot_be_deleted_is_told_with_what_to_do(cluster, running):
    cluster.refuse["DELETE", "preaudit-probe-abc123"] = (403, "no right to delete")
    cluster.log = b"x\n"
    assert running.log() == b"x\n"
    assert "could not be confirmed" in running.notes[-1]
    assert "no right to delete" in running.notes[-1]
    assert "kubectl -n probes delete job preaudit-probe-abc123" in running.notes[-1]


def test_a_job_that_stays_is_not_said_to_be_gone(cluster, running):
    cluster.stays, cluster.log = True, b"x\n"
    running.log()
    assert "could not be confirmed" in running.notes[-1]
    assert "still there after 90 s" in running.notes[-1]


def test_ctrl_c_deletes_the_job(cluster, running):
    cluster.pod = {"phase": "Running"}

    class Interrupted(Client):
        def pods(self, run_id):
            if not any(verb == "DELETE" for verb, _ in cluster.seen):
                raise KeyboardInterrupt
            return super().pods(run_id)

    running.client = Interrupted(running.client.access, "probes", running.client.sleep)
    with pytest.raises(KeyboardInterrupt):
        running.log()
    assert cluster.jobs == {}
    assert GONE in running.notes[-1]


def test_a_log_that_is_too_long(cluster, running):
    cluster.log = b"x" * (MAX_LOG + 1)
    with pytest.raises(Fault, match="longer than"):
        running.log()


def test_leftovers_of_earlier_runs_are_swept_but_nobody_elses(cluster, running):
    def job(name, made, seconds=180):
        return {"metadata": {"name": name, "uid": "u", "creationTimestamp": made, "labels": {"preaudit.dev/probe": "x"}},
                "spec": {"activeDeadlineSeconds": seconds}}  # fmt: skip

    several = [job("preaudit-probe-old", "2020-01-01T00:00:00Z"), job("preaudit-probe-running", "2099-01-01T00:00:00Z"),
               job("backup", "2020-01-01T00:00:00Z"), job("preaudit-probe-odd", "yesterday")]  # fmt: skip
    cluster.jobs = {one["metadata"]["name"]: one for one in several}
    cluster.log = b"x\n"
    running.log()
    assert set(cluster.jobs) == {"preaudit-probe-running", "backup", "preaudit-probe-odd"}
    assert running.notes[0] == "The Job preaudit-probe-old of an earlier run was found and deleted."


def test_a_server_that_is_gone(running):
    running.client = Client(type(running.client.access)(api_url="http://127.0.0.1:1", context="", pool=running.client.access.pool, authorization=lambda: ""), "probes", sleep=lambda _: None)
    with pytest.raises(Fault, match="no connection"):
        running.log()


def test_a_job_whose_making_nobody_answered_is_looked_for_later(cluster, running):
    class Silent(Client):
        def create(self, body):
            super().create(body)
            raise Unanswered("POST: the answer broke off")

    running.client = Silent(running.client.access, "probes", running.client.sleep)
    with pytest.raises(Fault, match="broke off"):
        running.log()
    assert running.now() >= 5
    assert cluster.jobs == {}
    assert GONE in running.notes[-1]


@pytest.mark.parametrize("namespace", ["../kube-system", "a/b", "", "A", "a?x", "kube-system/pods/x/exec#"])
def test_only_names_of_namespaces_are_sent(cluster, running, namespace):
    client = Client(running.client.access, namespace, sleep=lambda _: None)
    run = Running(client, running.settings, "abc123", "{}", now=lambda: 0.0)
    with pytest.raises(Fault, match="nothing that the probe sends"):
        run.log()
    assert cluster.seen == []


@pytest.mark.parametrize(("verb", "path"), [("DELETE", "/apis/batch/v1/namespaces/probes/jobs/backup"), ("GET", "/api/v1/namespaces/probes/secrets"),
                                            ("POST", "/api/v1/namespaces/probes/pods"), ("DELETE", "/api/v1/namespaces/probes/pods/p"),
                                            ("GET", "/api/v1/namespaces/probes/pods/p/exec")])  # fmt: skip
def test_nothing_else_is_ever_sent(cluster, running, verb, path):
    with pytest.raises(Fault, match="nothing that the probe sends"):
        running.client._send(verb, path)
    assert cluster.seen == []


def test_the_pod_has_no_rights_and_no_way_to_get_any(cluster, running):
    cluster.log = b"x\n"
    running.log()
    (made,) = cluster.bodies
    spec = made["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert (made["spec"]["activeDeadlineSeconds"], made["spec"]["backoffLimit"], made["spec"]["ttlSecondsAfterFinished"]) == (60, 0, 300)
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"
    assert "serviceAccountName" not in spec
    assert "volumes" not in spec
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    held = container["securityContext"]
    assert (held["runAsNonRoot"], held["readOnlyRootFilesystem"], held["allowPrivilegeEscalation"], held["capabilities"]) == (True, True, False, {"drop": ["ALL"]})
    assert set(container["resources"]) == {"requests", "limits"}
    told = made["spec"]["template"]["metadata"]
    assert told["labels"]["sidecar.istio.io/inject"] == "false"
    assert told["annotations"]["linkerd.io/inject"] == "disabled"
    assert told["labels"]["preaudit.dev/probe"] == made["metadata"]["labels"]["preaudit.dev/probe"] == "abc123"
