"""Speed and memory, as ratios to a floor measured in the same run: ``python -m tests.bench``.

The floor is what nobody can do without: the same lists, read page by page and thrown away. Floor and measured runs
alternate, so that a noisy machine disturbs both; a figure is the median of its runs. Speed is no test: the exit code
is 0 whatever comes out.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROFILE = "bank"
LEFT_OUT = "tls,exposure"
"""Nothing listens at the addresses of the filled plane's pods; surveys have figures of their own."""
ROOT = Path(__file__).parent.parent
LIMIT = 900.0
YAML_FILES = 3_000


@dataclass(slots=True)
class Cost:
    """Runs of one program: wall seconds and peak memory in MB of each, and what it printed, decoded."""

    walls: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wall(self) -> float:
        return statistics.median(self.walls)

    @property
    def peak(self) -> float:
        return max(self.peaks)

    def of(self, name: str) -> float:
        return float(statistics.median(one[name] for one in self.told))


class Table:
    """What is printed: a line a figure, with its target where it has one."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def head(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def figure(self, name: str, text: str) -> None:
        print(f"  {name:<46} {text}", flush=True)

    def target(self, name: str, value: float, most: float, unit: str, because: str = "") -> None:
        met = value <= most
        said = f"{value:.2f} {unit}".strip()
        mark = "met" if met else "MISSED"
        self.figure(name, f"{said:<14} target {most:g} {unit}".rstrip() + f"  {mark}{because}")
        if not met:
            self.missed.append(f"{name}: {said}, target {most:g} {unit}")


def measured(cost: Cost, line: list[str], allowed: tuple[int, ...] = (0,)) -> None:
    """Run a program once, alone, and note what it cost; a program that fails ends the benchmark."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen(line, cwd=ROOT, env=environment(), stdout=out, stderr=errors, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
        errors.seek(0)
        if process.returncode not in allowed:
            told = (text + errors.read().decode(errors="replace"))[-2_000:]
            raise SystemExit(f"bench: {' '.join(line)} ended with {process.returncode}:\n{told}")
    cost.walls.append(wall)
    cost.peaks.append(usage.ru_maxrss / 1024)
    if text.startswith("{"):
        cost.told.append(json.loads(text))


def environment() -> dict[str, str]:
    """The environment of an ordinary installation, where compiled modules are kept: here in a folder of their own."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "preaudit-bench-pycache")}


def part(name: str, *words: str) -> list[str]:
    """The command line of one of this file's own parts, in a process of its own."""
    return [sys.executable, "-m", "tests.bench", "--part", name, *words]


def preaudit(command: str, *words: str) -> list[str]:
    return [str(Path(sys.executable).parent / "preaudit"), command, *words]


# Parts: each runs in a process of its own, takes its own time without the start of Python, and prints JSON.


def part_floor(kubeconfig: str) -> dict[str, Any]:
    """Read every list page by page over one connection; nothing is decoded but the token of the next page."""
    import re
    import ssl

    import urllib3

    from testbed.api import tls

    urllib3.disable_warnings()
    began = time.monotonic()
    host, port, context = tls(Path(kubeconfig))
    pool = urllib3.HTTPSConnectionPool(host, port, ssl_context=context, maxsize=1, timeout=60)
    assert isinstance(context, ssl.SSLContext)
    token = re.compile(rb'"continue":"([^"]+)"')
    size = pages = 0
    for path in list_paths():
        following = ""
        while True:
            answer = pool.request("GET", f"{path}?limit=500{following}", headers={"accept": "application/json"})
            if answer.status != 200:
                raise SystemExit(f"{path}: the API server answered {answer.status}")
            size, pages = size + len(answer.data), pages + 1
            found = token.search(answer.data, 0, 2_000)
            if found is None:
                break
            following = f"&continue={found[1].decode()}"
    return {"seconds": time.monotonic() - began, "bytes": size, "pages": pages}


def bank_plan() -> Any:
    from preaudit.audit import make_plan
    from preaudit.options import Options

    return make_plan(Options(profile=PROFILE, exclude=LEFT_OUT), [])


def list_paths() -> list[str]:
    """The lists that an audit with the bank profile reads here; Secrets and kubelets are read on request only."""
    from preaudit.source import SOURCES

    wanted = [SOURCES[name] for name in sorted(bank_plan().sources)]
    return [
        f"/apis/{one.group}/{one.versions[0]}/{one.resource}" if one.group else f"/api/{one.versions[0]}/{one.resource}"
        for one in wanted
        if one.builtin and not one.opt_in and "/" not in one.resource
    ]


def part_collect(kubeconfig: str) -> dict[str, Any]:
    """Collect into a snapshot, from the first contact to the last byte on disk."""
    import io

    from preaudit.collect.cluster import collect_cluster
    from preaudit.collect.progress import progress_for

    sources = bank_plan().sources
    with tempfile.TemporaryDirectory(prefix="preaudit-bench-") as folder:
        began = time.monotonic()
        taken = collect_cluster(
            Path(folder) / "snapshot", sources=sources, kubeconfig=kubeconfig, context=None, namespaces=None, read=(),
            redaction_key=None, kubelet_ca=None, now=datetime.now(UTC), progress=progress_for(io.StringIO()),
        )  # fmt: skip
        seconds = time.monotonic() - began
    return {"seconds": seconds, "objects": sum(one.lines for one in taken.files)}


def part_judge(snapshot: str) -> dict[str, Any]:
    """Judge a stored snapshot without pytest: decode what the checks read, then every item."""
    from preaudit.audit import Audit
    from preaudit.snapshot import Snapshot

    plan = bank_plan()
    gc.disable()
    began = time.monotonic()
    audit = Audit(plan, Snapshot(Path(snapshot)))
    forms = sum(len(found) for found in audit.estate.forms.by_namespace.values())
    _ = audit.estate.namespaces
    opened = time.monotonic() - began
    spent: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    slowest: dict[str, float] = defaultdict(float)
    for one in plan.selected:
        kind = one.subject.name
        for item in audit.items(one):
            began = time.monotonic()
            records = audit.judge(item)
            seconds = time.monotonic() - began
            spent[kind] += seconds
            slowest[one.id] += seconds
            counts[kind] += sum(record.subject is not None for record in records)
    worst = sorted(slowest, key=lambda name: -slowest[name])[:5]
    specs = len({form.digest for found in audit.estate.forms.by_namespace.values() for form in found})
    return {
        "opened": opened, "forms": forms, "specs": specs, "seconds": sum(spent.values()),
        "container": 1e6 * spent["container"] / max(1, counts["container"]), "verdicts": sum(counts.values()),
        "containers": counts["container"],
        "slowest": ", ".join(f"{name} {slowest[name]:.2f} s" for name in worst),
    }  # fmt: skip


def part_yaml(folder: str) -> dict[str, Any]:
    """Parse every file of a folder, nothing else."""
    from preaudit.yamlfile import documents

    texts = [(str(path), path.read_text()) for path in sorted(Path(folder).rglob("*.yaml"))]
    began = time.monotonic()
    found = sum(1 for name, text in texts for _ in documents(text, name))
    return {"seconds": time.monotonic() - began, "documents": found, "bytes": sum(len(text) for _, text in texts)}


def part_pack(pack: str, key: str, scratch: str) -> dict[str, Any]:
    """Write the records of a stored pack again, render, hash, scan, sign and archive them, each timed."""
    from preaudit.evidence import leaks, manifest
    from preaudit.evidence.archive import write_archive
    from preaudit.evidence.keys import load_signer
    from preaudit.evidence.pack import RECORDS, PackFolder, Records, files_below, write_records
    from preaudit.evidence.record import encode
    from preaudit.evidence.seal import sign_pack
    from preaudit.render.renderings import RENDERINGS, told_of
    from preaudit.snapshot import Snapshot

    source = Path(pack)
    told = manifest.decode((source / "manifest.json").read_bytes())
    records = list(Records(source / RECORDS, told.totals.records))
    folder = PackFolder(Path(scratch) / "written")
    folder.drop_spool()
    spent = {"records": len(records)}
    gc.disable()

    def timed(name: str) -> None:
        nonlocal began
        spent[name] = time.monotonic() - began
        began = time.monotonic()

    began = time.monotonic()
    write_records(folder.path / RECORDS, map(encode, records))
    timed("writing")
    with (folder.path / RECORDS).open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    told = manifest.with_files(told, ())
    material = told_of(records, told, sha256, snapshot=Snapshot(source / "snapshot"))
    for name, render in RENDERINGS.items():
        with folder.create(name) as stream:
            render(material, stream)
        timed(name)
    for name in ("snapshot", "inputs"):
        shutil.copytree(source / name, folder.path / name, dirs_exist_ok=True)
    shutil.copy(source / "README.txt", folder.path)
    began = time.monotonic()
    told = manifest.with_files(told, files_below(folder.path))
    folder.write("manifest.json", manifest.encode(told))
    timed("hashing")
    scanned = leaks.scan(folder.path).scanned
    timed("scanning")
    folder.whole()
    sign_pack(folder.path, load_signer(key))
    timed("signing")
    folder.finish()
    write_archive(folder.out, Path(scratch) / "written.tar.zst")
    timed("archiving")
    spent["rate"] = scanned / 1e6 / spent["scanning"]
    spent["archive"] = (Path(scratch) / "written.tar.zst").stat().st_size
    spent["archived records"] = _compressed((Path(pack) / "records.jsonl").read_bytes())
    return spent


def _compressed(content: bytes) -> int:
    """Bytes of a file alone, compressed as archives are."""
    import zstandard

    from preaudit.evidence.archive import LEVEL, WINDOW_LOG

    made = zstandard.ZstdCompressionParameters.from_level(LEVEL, window_log=WINDOW_LOG)
    return len(zstandard.ZstdCompressor(compression_params=made).compress(content))


PARTS = {"pack": part_pack, "floor": part_floor, "collect": part_collect, "judge": part_judge, "yaml": part_yaml}


def write_manifests(folder: Path) -> None:
    """Files as a vendor ships them, an object each: of ten, four workloads and six of what stands around them."""
    import yaml

    from testbed import shapes

    around = {
        "serviceaccounts": ("v1", "ServiceAccount"), "configmaps": ("v1", "ConfigMap"),
        "roles": ("rbac.authorization.k8s.io/v1", "Role"), "secrets": ("v1", "Secret"),
        "rolebindings": ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy"),
    }  # fmt: skip
    for number in range(YAML_FILES):
        group, place = divmod(number, 10)
        namespace = f"team-{group % 30}"
        role = shapes.ROLES[number % len(shapes.ROLES)]
        if place < 4:
            spec = {"replicas": 2, "selector": {"matchLabels": {"app": role}}, "template": shapes.template(number, role)}
            made: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": spec}
        elif place < 6:
            spec = {"selector": {"app": role}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
            made = {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": spec}
        else:
            belongings = shapes.belongings(namespace)
            path, body = belongings[(group * 4 + place - 6) % len(belongings)]
            version, kind = around[path.rpartition("/")[2]]
            made = {"apiVersion": version, "kind": kind, **body}
        made["metadata"] = {**made["metadata"], "name": f"{role}-{number}", "namespace": namespace}
        with (folder / f"{number:04d}.yaml").open("w") as stream:
            yaml.dump(made, stream, Dumper=yaml.CSafeDumper)


def at_size(pods: int, repeat: int, table: Table, scratch: Path) -> dict[str, float]:
    """The figures of a cluster with that many pods; its seconds and records, for the growth."""
    from testbed import fill, plane
    from testbed.api import Api

    namespaces = max(1, pods // 100)
    plane.up_for(f"{pods} pods in {namespaces} namespaces")
    began = time.monotonic()
    api = Api(plane.kubeconfig())
    if 1 + api.get("/api/v1/pods?limit=1")["metadata"].get("remainingItemCount", 0) != pods:
        fill.Filler(plane.kubeconfig()).fill(pods, namespaces, lambda _: None)
    api.close()
    print(f"# {pods} pods in {namespaces} namespaces, filled in {time.monotonic() - began:.0f} s", flush=True)
    kubeconfig = str(plane.kubeconfig())
    floor, collect, audit, judge = Cost(), Cost(), Cost(), Cost()
    pack = scratch / f"pack-{pods}"
    measured(Cost(), part("floor", kubeconfig))  # what the API server caches is warm for all
    line = preaudit("run", "--profile", PROFILE, "--exclude", LEFT_OUT, "--kubeconfig", kubeconfig, "--out", str(pack))
    measured(Cost(), line, (0, 1, 6))
    for _ in range(repeat):
        if not (pack / "manifest.json").exists():  # a program that breaks ends with 1, as one that finds something
            raise SystemExit(f"bench: {' '.join(line)} left no pack")
        shutil.rmtree(pack)
        measured(floor, part("floor", kubeconfig))
        measured(collect, part("collect", kubeconfig))
        measured(audit, line, (0, 1, 6))
    for _ in range(repeat):
        measured(judge, part("judge", str(pack / "snapshot")))
    records = pack / "records.jsonl"
    with records.open("rb") as stream:
        lines = sum(1 for _ in stream)
    size = sum(path.stat().st_size for path in pack.rglob("*") if path.is_file())
    snapshot = sum(path.stat().st_size for path in (pack / "snapshot").iterdir())
    table.head(f"{pods:,} pods, profile {PROFILE}")
    table.figure("floor: the lists, read and thrown away",
                 f"{floor.of('seconds'):.2f} s, {floor.wall:.2f} s with the start, {floor.of('bytes') / 1e6:.0f} MB, "
                 f"{floor.peak:.0f} MB of memory")  # fmt: skip
    table.figure("collect", f"{collect.of('seconds'):.2f} s, {collect.of('objects'):.0f} objects")
    table.target("collect / floor", collect.of("seconds") / floor.of("seconds"), 1.3, "x")
    table.figure("audit: collect, judge, write the pack", f"{audit.wall:.2f} s ({spread(audit.walls)})")
    table.target("audit / floor", audit.wall / floor.wall, 3, "x")
    if pods == 10_000:
        table.target("audit of 10,000 pods", audit.wall, 4.5, "s")
    table.target("peak memory of the audit", audit.peak, 350, "MB")
    table.figure("judging alone", f"{judge.of('seconds'):.2f} s, {judge.of('opened'):.2f} s to open the snapshot")
    table.figure("distinct specs judged", f"{judge.of('specs'):.0f} in {judge.of('forms'):.0f} forms of {pods} pods")
    table.target("judging one (requirement, container)", judge.of("container"), 10, "µs")
    table.figure("verdicts a second, judging alone", f"{judge.of('verdicts') / judge.of('seconds'):,.0f}")
    table.figure("verdicts a second, whole audit", f"{lines / audit.wall:,.0f}")
    table.figure("records", f"{lines:,}, {records.stat().st_size / lines:.0f} bytes each")
    table.figure("pack", f"{size / 1e6:.1f} MB, {snapshot / 1e6:.1f} MB of it the snapshot")
    table.figure("slowest requirements", judge.told[-1]["slowest"])
    pack_figures(pack, repeat, table, audit.wall, judge.of("seconds") + judge.of("opened"))
    return {"wall": audit.wall, "floor": floor.wall, "records": lines}


def pack_figures(pack: Path, repeat: int, table: Table, audit: float, judging: float) -> None:
    """What becomes of a pack once it is judged."""
    with tempfile.TemporaryDirectory(prefix="preaudit-bench-", dir=pack.parent) as scratch:
        key = Path(scratch) / "bench"
        measured(Cost(), preaudit("keygen", "--out", str(key)))
        again, verify, perform, diff = Cost(), Cost(), Cost(), Cost()
        for _ in range(repeat):
            written = Path(scratch) / "again"
            written.mkdir()
            measured(again, part("pack", str(pack), f"{key}.key", str(written)))
            kept = str(written / "written")
            measured(verify, preaudit("verify", kept, "--trust", f"{key}.pub"))
            measured(perform, preaudit("verify", kept, "--trust", f"{key}.pub", "--reperform"))
            measured(diff, preaudit("diff", str(pack), kept, "--format", "json"))
            shutil.rmtree(written)
    renders = [name for name in again.told[-1] if "." in name]
    table.figure("rendering", ", ".join(f"{name} {again.of(name):.2f} s" for name in renders))
    sealing = again.of("writing") + again.of("hashing") + again.of("signing")
    table.target("writing, hashing, signing / audit", sealing / audit, 0.25, "x", f" ({sealing:.2f} s)")
    rate = again.of("rate")
    table.figure("leak scan", f"{rate:.0f} MB/s, {again.of('scanning'):.2f} s  {'met' if rate >= 60 else 'MISSED'} (60 MB/s)")
    if rate < 60:
        table.missed.append(f"leak scan: {rate:.0f} MB/s, target 60 MB/s")
    table.target("verify", verify.wall, 3, "s", f" ({verify.peak:.0f} MB)")
    table.target("verify --reperform", perform.wall, judging + 3, "s", f" ({perform.peak:.0f} MB)")
    table.target("diff", diff.wall, 3, "s", f" ({diff.peak:.0f} MB)")
    table.target("archive, bytes a record", again.of("archive") / again.of("records"), 15, "bytes",
                 f" ({again.of('archiving'):.1f} s)")  # fmt: skip
    table.figure("  records.jsonl alone, compressed alike", f"{again.of('archived records') / again.of('records'):.1f} bytes a record")


def demo(repeat: int, table: Table, scratch: Path) -> None:
    cost = Cost()
    measured(Cost(), preaudit("demo", "--out", str(scratch / "demo")))  # the first run compiles
    for number in range(repeat):
        measured(cost, preaudit("demo", "--out", str(scratch / f"demo-{number}")))
    table.head("demo: a recorded cluster of two nodes")
    table.target("preaudit demo, start to pack", cost.wall, 3, "s", f" ({spread(cost.walls)})")


def files(repeat: int, table: Table, scratch: Path) -> None:
    folder = scratch / "manifests"
    folder.mkdir()
    write_manifests(folder)
    run, parse = Cost(), Cost()
    for number in range(repeat):
        measured(parse, part("yaml", str(folder)))
        line = preaudit("run", "--profile", PROFILE, "--exclude", LEFT_OUT, "--manifests", str(folder), "--out", str(scratch / f"y-{number}"))
        measured(run, line, (0, 1, 6))
    table.head(f"{YAML_FILES:,} YAML files, {parse.of('bytes') / 1e6:.1f} MB")
    table.figure("parsing alone", f"{parse.of('seconds'):.2f} s, {1e3 * parse.of('seconds') / YAML_FILES:.2f} ms a file")
    table.target("run --manifests, start to pack", run.wall, 4, "s", f" ({spread(run.walls)})")
    table.figure("peak memory", f"{run.peak:.0f} MB")


def spread(walls: list[float]) -> str:
    return f"{min(walls):.2f} to {max(walls):.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--pods", default="1000,10000", help="sizes of the clusters, in the order in which they are filled; 0 for none")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each kind (default: 3)")
    parser.add_argument("--keep", action="store_true", help="leave the filled control plane running")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part](*options.words)))
        return 0
    from testbed import plane

    sizes = [int(word) for word in options.pods.split(",") if int(word)]
    table = Table()
    print(f"# {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    found: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="preaudit-bench-") as folder:
        try:
            for pods in sizes:
                found[pods] = at_size(pods, options.repeat, table, Path(folder))
        finally:
            if sizes and not options.keep:
                plane.down()
        if len(found) > 1:
            sizes.sort()
            small, large = found[sizes[0]], found[sizes[-1]]
            table.head(f"growth from {sizes[0]:,} to {sizes[-1]:,} pods")
            grown = large["wall"] / small["wall"]
            table.target("audit", grown, sizes[-1] / sizes[0], "x")
            table.figure("floor", f"{large['floor'] / small['floor']:.2f} x")
            table.figure("records", f"{large['records'] / small['records']:.2f} x")
        demo(options.repeat, table, Path(folder))
        files(options.repeat, table, Path(folder))
    table.head("all targets are met" if not table.missed else "missed:")
    for one in table.missed:
        print(f"  {one}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
