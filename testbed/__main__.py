"""Command line of the testbed: ``python -m testbed up`` and the rest."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path

from testbed import access, build, cluster, deploy, enforce, faults, fill, flags, node, packages, plane, proxy
from testbed.layout import NODES, PLANE_STATE, STATE, TestbedError, api_address, node_address


def parser() -> argparse.ArgumentParser:
    """Give the command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m testbed", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("packages", help="install the Debian packages that are missing")
    one = commands.add_parser("build", help="build Go programs into the cache and print their paths")
    one.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(build.PROGRAMS)} (default: all)")
    one = commands.add_parser("up", help="bring the cluster up")
    one.add_argument("--flags", choices=flags.SETS, default="good", help="set of flags (README.md)")
    plane_only = {"action": "store_true", "help": "instead: etcd and an API server alone, on loopback, for load"}
    one.add_argument("--control-plane-only", **plane_only)
    one = commands.add_parser("down", help="take the cluster down, leaving nothing but caches")
    one.add_argument("--control-plane-only", **plane_only)
    one = commands.add_parser("status", help="exit 0 if the cluster is healthy, else say what is not")
    one.add_argument("--control-plane-only", **plane_only)
    one = commands.add_parser("kubeconfig", help="print the path of a kubeconfig file")
    one.add_argument("--control-plane-only", **plane_only)
    one.add_argument("--user", help="sign a certificate for this user (default: the administrator)")
    one.add_argument("--group", action="append", default=[], help="group of that user; repeatable")
    commands.add_parser("images", help="print, as JSON, the images that manifests may use: name -> name@digest")
    one = commands.add_parser(
        "fill", help="write N running pods and all around them into the control plane without nodes"
    )
    one.add_argument("pods", type=int, metavar="N")
    one.add_argument("--namespaces", type=int, default=0, metavar="M", help="default: one for 100 pods")
    one.add_argument("--kubeconfig", type=Path, help="fill this instead; no controller may run there (README.md)")
    one = commands.add_parser("proxy", help="serve a fault proxy until interrupted (README.md)")
    one.add_argument(
        "--upstream", default="api", help=f"api (default), {', '.join(NODES)} (its kubelet) or an https URL"
    )
    one.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any)")
    one.add_argument("--rules", type=Path, help="JSON file of rules; read again when it changes")
    one.add_argument("--seconds", type=float, default=86400, help="end after this time (default: a day)")
    one = commands.add_parser("deploy", help="run the product that audits are tried on")
    one.add_argument("variant", choices=deploy.VARIANTS)
    commands.add_parser("undeploy", help="take both variants of the product away")
    one = commands.add_parser("enforce", help="have NetworkPolicies enforced, by a policy engine, or not")
    one.add_argument("state", choices=("on", "off"))
    one = commands.add_parser("exec", help="run a command inside a node")
    one.add_argument("node", choices=NODES)
    one.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    return top


def run(options: argparse.Namespace) -> int:  # noqa: PLR0912 - one branch a command
    """Do what the command line says; give the exit code."""
    match options.command:
        case "packages":
            packages.install()
        case "build":
            for name in options.programs or build.PROGRAMS:
                if name not in build.PROGRAMS:
                    raise TestbedError(f"no program {name}: choose of {', '.join(build.PROGRAMS)}")
                print(build.build(name))
        case "up" | "down" | "status" | "kubeconfig" if options.control_plane_only:
            return _plane(options)
        case "fill":
            _fill(options)
        case "up":
            began = time.monotonic()
            cluster.up(options.flags)
            print(f"up after {time.monotonic() - began:.1f} s; kubeconfig {access.administrator()}")
        case "down":
            cluster.down()
        case "status":
            problems = cluster.problems()
            print("\n".join(problems) or "healthy")
            return 1 if problems else 0
        case "kubeconfig":
            print(_kubeconfig(options))
        case "deploy":
            deploy.deploy(options.variant)
        case "undeploy":
            for variant in deploy.VARIANTS:
                deploy.undeploy(variant)
        case "enforce":
            (enforce.on if options.state == "on" else enforce.off)()
        case "images":
            print(json.dumps(_images(), indent=2))
        case "proxy":
            serve(options.upstream, options.port, options.rules, options.seconds)
        case "exec":
            words = options.words[1:] if options.words[:1] == ["--"] else options.words
            line = node.enter(options.node, words or ["bash"])
            os.execvp(line[0], line)
    return 0


def serve(upstream: str, port: int, rules: Path | None, seconds: float) -> None:
    """Serve a fault proxy until interrupted or the time is over."""
    known = {"api": api_address(), **{name: f"{node_address(name)}:10250" for name in NODES}}
    url = f"https://{known[upstream]}" if upstream in known else upstream
    seen, deadline = 0, time.monotonic() + seconds
    with proxy.FaultProxy(url, port=port) as running, contextlib.suppress(KeyboardInterrupt):
        print(json.dumps({"url": running.url, "kubeconfig": str(running.kubeconfig())}), flush=True)
        while time.monotonic() < deadline:
            changed = rules.stat().st_mtime_ns if rules else 0
            if rules and changed != seen:
                running.set_rules(faults.from_json(rules.read_text()))
                seen = changed
            time.sleep(0.2)


def _plane(options: argparse.Namespace) -> int:
    match options.command:
        case "up":
            plane.up()
            print(f"up; kubeconfig {plane.kubeconfig()}")
        case "down":
            plane.down()
        case "status":
            well = plane.ready()
            print("healthy" if well else "the control plane is down")
            return 0 if well else 1
        case "kubeconfig" if options.user:
            print(access.for_user(PLANE_STATE, options.user, tuple(options.group), plane.URL))
        case _:
            print(plane.kubeconfig())
    return 0


def _fill(options: argparse.Namespace) -> None:
    number = options.namespaces or max(1, options.pods // 100)
    if not options.kubeconfig:
        plane.up_for(f"{options.pods} pods in {number} namespaces")
    target = options.kubeconfig or plane.kubeconfig()
    began = time.monotonic()
    fill.Filler(target).fill(options.pods, number, lambda text: print(text, flush=True))
    print(f"{options.pods} pods in {number} namespaces after {time.monotonic() - began:.0f} s; kubeconfig {target}")


def _kubeconfig(options: argparse.Namespace) -> Path:
    if options.user:
        return access.for_user(STATE, options.user, tuple(options.group), f"https://{api_address()}")
    return access.administrator()


def _images() -> dict[str, str]:
    path = STATE / "images.json"
    if not path.exists():
        raise TestbedError("the cluster is down: run `python -m testbed up`")
    return dict(json.loads(path.read_text()))


def main() -> int:
    """Run the command line; an error of the testbed is one message and exit code 1."""
    try:
        return run(parser().parse_args())
    except TestbedError as problem:
        print(f"testbed: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
