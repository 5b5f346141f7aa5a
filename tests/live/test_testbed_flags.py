"""Control planes that really run with bad flags are found out, and no fault of a kubelet hides it.

The cluster is started anew here, so these tests come after all others of the folder.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from preaudit.audit import make_plan
from preaudit.collect import cluster as collector
from preaudit.options import Options
from preaudit.snapshot import Snapshot
from preaudit.verdict import Verdict, worst
from testbed import cluster, deploy
from testbed.faults import FAULTS, Rule
from testbed.layout import STATE
from testbed.proxy import FaultProxy
from tests.false_green import KUBELET_CA, OPEN, better, collect, spliced, verdicts
from tests.live.judged import TABLES, listed

pytestmark = pytest.mark.live
TABLE = TABLES / "control-plane.tsv"
KUBELETS = "nodes/configz"
ROOT = Path(cluster.__file__).parents[1]


def table():
    """Verdict by set of flags and requirement."""
    head, *rows = (line.split("\t") for line in TABLE.read_text().splitlines())
    return {name: {row[0]: row[number] for row in rows} for number, name in enumerate(head) if number}


def judged(preaudit, kubeconfig, folder):
    """The worst verdict of each requirement; of those about endpoints, over the cluster's own ones."""
    # Nobody else is served by these servers, so that the profile's pace would be kept for nobody.
    fast = ("--set", "connect.per_second=0", "--set", "connect.at_once=8", "--ca", STATE / "pki/etcd/ca.crt")
    done = preaudit("run", "--profile", "bank", "--select", "audit,tls,exposure", *fast, "--active", "connect,port-forward",
                    "--kubelet-ca", KUBELET_CA, "--kubeconfig", kubeconfig, "--out", folder)  # fmt: skip
    assert done.returncode in {0, 1, 6}, done.stdout + done.stderr
    found = {}
    for line in (folder / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        found.setdefault(record["requirement"], []).append(Verdict(record["verdict"]))
    return {name: worst(several).value for name, several in sorted(found.items())}


@pytest.fixture(scope="module")
def started(kubeconfig):
    """Starts the cluster with a set of flags; the good one again at the end."""

    def start(chosen):
        # A process of its own: what the cluster starts outlives whoever starts it.
        subprocess.run([sys.executable, "-m", "testbed", "up", "--flags", chosen], check=True, timeout=300, cwd=ROOT)
        return kubeconfig

    for variant in deploy.VARIANTS:  # the table is about the cluster's own endpoints
        deploy.undeploy(variant)
    yield start
    start("good")


@pytest.mark.parametrize("chosen", ["good", "bad", "allow-all"])
def test_a_control_plane_is_judged_as_the_table_says(started, preaudit, tmp_path, chosen):
    found, known = judged(preaudit, started(chosen), tmp_path / "pack"), table()
    if os.environ.get("PREAUDIT_WRITE_VERDICTS"):
        names = sorted({*found, *known[chosen]})
        lines = ["\t".join((one, *(found[one] if name == chosen else known[name].get(one, "-") for name in known))) for one in names]
        TABLE.write_text("\n".join(("\t".join(("requirement", *known)), *lines)) + "\n")
        pytest.fail(f"{TABLE} was written anew: read the difference line by line before it is committed")
    assert found == known[chosen]


def broken(found):
    """Requirements that some control plane of the table fails."""
    return {name for name, verdict in found["bad"].items() if "fail" in {verdict, found["allow-all"][name]}}


def test_every_requirement_is_broken_by_a_control_plane_that_runs_or_the_table_says_why_not():
    found = table()
    never = {name for name in found["bad"] if name.startswith("AUD-")} - broken(found)
    assert never == set((TABLE.parent / "control-plane-cannot-lack.txt").read_text().split())


def test_every_requirement_about_endpoints_is_broken_by_a_server_that_runs_or_a_list_says_why_not():
    found = table()
    rows = [line.split("\t") for line in (TABLE.parent / "bad.tsv").read_text().splitlines()[1:]]
    failed = {row[0] for row in rows if row[4] == "fail"} | broken(found)
    never = {name for name in found["bad"] if name.startswith(("TLS-", "NET-"))} - failed
    assert never == listed("nothing-real-fails.txt")


def test_no_fault_of_a_kubelet_makes_a_verdict_better(started, tmp_path, impatient, monkeypatch):
    kubeconfig = started("bad")
    plan = make_plan(Options(profile="bank"), [])
    whole = tmp_path / "whole"
    whole.mkdir()
    collect(whole, kubeconfig, plan.sources)
    snapshot = Snapshot(whole)
    before = verdicts(plan, snapshot, KUBELETS)
    assert sum(one in OPEN for one in before.values()) >= 20
    real, combinations, wrong = collector.kubelets, 0, []
    with ExitStack() as stack:
        proxies = {}

        def through(nodes):
            found = []
            for one in real(nodes):
                if one.node not in proxies:
                    proxies[one.node] = stack.enter_context(FaultProxy(f"https://{one.address}:{one.port}"))
                found.append(replace(one, address="127.0.0.1", port=urlsplit(proxies[one.node].url).port))
            return found

        monkeypatch.setattr(collector, "kubelets", through)
        for number, fault in enumerate([None, *FAULTS]):
            for several in (True, False):
                for proxy in list(proxies.values())[: None if several else 1]:
                    proxy.set_rules([Rule(fault, path="/configz", seconds=1.0)] if fault else [])
                part = tmp_path / f"part-{number}-{several}"
                part.mkdir()
                with impatient() if fault else nullcontext():
                    collect(part, kubeconfig, {KUBELETS, "nodes"})
                for proxy in proxies.values():
                    proxy.set_rules([])
                after = verdicts(plan, spliced(tmp_path / "merged", snapshot, Snapshot(part), KUBELETS), KUBELETS)
                shutil.rmtree(tmp_path / "merged")
                if fault is None:
                    assert after == before
                combinations += sum(KUBELETS in one.sources for one in plan.selected)
                wrong += [(fault, several, *one) for one in better(before, after)]
    assert len(proxies) == 2
    print(f"\n{combinations} combinations of requirement and fault of a kubelet; {len(wrong)} better")
    assert not wrong, [str(one) for one in wrong[:20]]
