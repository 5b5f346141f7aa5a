"""Runs an audit again and again and kills it at random moments; started as a process of its own, since it forks.

Usage: killed.py SNAPSHOT FOLDER KEY TIMES: writes FOLDER/N for N in TIMES, and prints how many ended by themselves.
"""

import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from preaudit.audit import make_plan
from preaudit.options import Options
from preaudit.run import Run
from preaudit.spool import Spool


def audit(snapshot, out, key):
    """One whole run without pytest: collect, judge, write, sign."""
    plan = make_plan(Options(profile="bank", snapshot=snapshot, select="POD-1*", out=str(out), sign_key=key), [])
    run = Run(plan, ["preaudit", "run"], datetime.now(UTC))
    found = run.collect()
    spool = Spool(run.spool, "main", plan.gate)
    names = []
    for requirement in plan.selected:
        for item in found.items(requirement):
            spool.write(item.name, found.judge(item))
            names.append(item.name)
    spool.close()
    run.finish(names, {}, early="", interrupted=False)


def main(snapshot, folder, key, times):
    lot = random.Random(times)
    whole = 60.0
    for name in ("cold", "warm"):
        started = time.monotonic()
        audit(snapshot, Path(folder) / name, key)
        whole = min(whole, time.monotonic() - started)
    ended = 0
    for number in range(times):
        child = os.fork()
        if child == 0:
            audit(snapshot, Path(folder) / str(number), key)
            os._exit(0)
        time.sleep(lot.uniform(0.02, whole * 1.2))
        os.kill(child, signal.SIGKILL)
        ended += os.waitpid(child, 0)[1] == 0
    print(ended)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
