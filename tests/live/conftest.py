"""The real cluster that live tests look at; where there is none, they are left out and say so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from preaudit.collect import kubelet, listing, transport

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from testbed import access, deploy
from testbed.layout import STATE, api_address
from tests.live.judged import AREAS, AUDIT_LOG, JUDGE, READ, Run, anchors, requests_since

VARIABLE = "PREAUDIT_TESTBED_KUBECONFIG"


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The path of an administrator's kubeconfig of a cluster made for tests."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        pytest.skip(f"{VARIABLE} names no cluster to test against (make testbed brings one up)")
    if not Path(named).is_file():
        pytest.fail(f"{VARIABLE} names {named}, which does not exist")
    return named


@pytest.fixture(scope="session")
def preaudit() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the installed command as a user does, apart from this process; never longer than four minutes."""
    program = Path(sys.executable).with_name("preaudit")

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        line = [str(program), *map(str, words)]
        plain = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
        plain.pop("KUBECONFIG", None)
        return subprocess.run(line, capture_output=True, text=True, timeout=240, check=False, env=plain)

    return run


@pytest.fixture(scope="session")
def shop(kubeconfig: str) -> Iterator[Callable[[str], tuple[str, ...]]]:
    """Brings a variant of the testbed's product up and gives its namespaces; `good` is then alone, others beside it."""
    if not (STATE / "images.json").exists():
        pytest.skip("the product runs on this machine's testbed only, and that is down")
    deployed: set[str] = set()
    perhaps = set(deploy.VARIANTS)  # whoever ran before may have left them

    def gone(variants: set[str]) -> None:
        with ThreadPoolExecutor(len(deploy.VARIANTS)) as pool:
            list(pool.map(deploy.undeploy, sorted(variants)))
        perhaps.difference_update(variants)
        deployed.difference_update(variants)

    def up(variant: str) -> tuple[str, ...]:
        if variant == "good":
            gone(perhaps - {"good"})
        if variant not in deployed:
            deploy.deploy(variant)
            deployed.add(variant)
            perhaps.add(variant)
        return deploy.NAMESPACES[variant]

    yield up
    if (STATE / "images.json").exists():  # other tests may have taken the cluster down, and the product with it
        gone(set(deployed))


@pytest.fixture(scope="session")
def login() -> Callable[[str], Path]:
    """The kubeconfig of a user by name, who has no right that is not given to that name."""
    return lambda user: access.for_user(STATE, user, (), f"https://{api_address()}")


@pytest.fixture(scope="session")
def auditor(preaudit: Callable[..., subprocess.CompletedProcess[str]], login: Callable[[str], Path],
            shop: Callable[[str], tuple[str, ...]]) -> Iterator[Path]:  # fmt: skip
    """A user with what `preaudit preflight --rbac` prints for it, and nothing else."""
    config = login("auditor")
    asked = preaudit("preflight", *AREAS, *READ, "--kubeconfig", config, "--rbac")
    assert "name: auditor" in asked.stdout, asked.stderr
    deploy.kubectl(["apply", "-f", "-"], asked.stdout)
    yield config
    if (STATE / "images.json").exists():
        deploy.kubectl(["delete", "--ignore-not-found", "-f", "-"], asked.stdout)


@pytest.fixture(scope="session")
def judged(
    auditor: Path, shop: Callable[[str], tuple[str, ...]], preaudit: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Run]:  # fmt: skip
    """Gives the run on a variant, made once; its CA is one that the customer names."""
    known: dict[str, Run] = {}

    def once(variant: str) -> Run:
        if variant not in known:
            shop(variant)
            before = AUDIT_LOG.stat().st_size
            pack = tmp_path_factory.mktemp(variant) / "pack"
            done = preaudit("run", *JUDGE, *READ, *anchors(variant), "--kubeconfig", auditor, "--out", pack)
            assert done.returncode in (0, 1, 6), done.stdout + done.stderr
            known[variant] = Run(variant, pack, done.stdout + done.stderr, requests_since(before, "auditor"))
        return known[variant]

    return once


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector reads pages of four objects, so that a fault can hit the second one."""
    monkeypatch.setattr(listing, "MAX_PAGES", 40)
    monkeypatch.setattr(listing, "LIMIT", 4)
    monkeypatch.setattr(listing.ListCall.query, "__defaults__", (4, ""))


@pytest.fixture
def impatient(small_pages: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Within it the collector waits for milliseconds where it would wait for minutes; only faults are met so."""

    @contextmanager
    def within() -> Iterator[None]:
        with monkeypatch.context() as patched:
            for name, value in (("CONNECT_SECONDS", 2.0), ("READ_SECONDS", 0.6), ("ATTEMPTS", 2),
                                ("BACKOFF_CAP_SECONDS", 0.02), ("RETRY_AFTER_CAP_SECONDS", 0.02)):  # fmt: skip
                patched.setattr(transport, name, value)
            patched.setattr(kubelet, "SECONDS", 4.0)
            patched.setattr(kubelet, "AGAIN_SECONDS", 0.02)
            yield

    return within
