"""Control planes that really run with bad flags are found out, and no fault of a kubelet hides it.

The cluster is started anew here, so these tests come after all others of the folder.
"""

import json
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
from testbed import cluster
from testbed.faults import FAULTS, Rule
from testbed.proxy import FaultProxy
from tests.false_green import KUBELET_CA, OPEN, better, collect, spliced, verdicts

pytestmark = pytest.mark.live
TABLE = Path(cluster.__file__).parent / "verdicts" / "control-plane.tsv"
KUBELETS = "nodes/configz"
ROOT = Path(cluster.__file__).parents[1]


def table():
    """Verdict by set of flags and requirement."""
    head, *rows = (line.split("\t") for line in TABLE.read_text().splitlines())
    return {name: {row[0]: row[number] for row in rows} for number, name in enumerate(head) if number}


def judged(preaudit, kubeconfig, folder):
    done = preaudit("run", "--profile", "bank", "--select", "audit", "--kubelet-ca", KUBELET_CA, "--kubeconfig", kubeconfig,
                    "--out", folder)  # fmt: skip
    assert done.returncode in {0, 1}, done.stdout + done.stderr
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

    yield start
    start("good")


@pytest.mark.parametrize("chosen", ["good", "bad", "allow-all"])
def test_a_control_plane_is_judged_as_the_table_says(started, preaudit, tmp_path, chosen):
    assert judged(preaudit, started(chosen), tmp_path / "pack") == table()[chosen]


def test_every_requirement_is_broken_by_a_control_plane_that_runs_or_the_table_says_why_not():
    found = table()
    never = {name for name, verdict in found["bad"].items() if "fail" not in {verdict, found["allow-all"][name]}}
    assert never == set((TABLE.parent / "control-plane-cannot-lack.txt").read_text().split())


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
