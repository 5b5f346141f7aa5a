"""The command line, started as a user starts it: a process of its own that shall never show a traceback."""

import os
import subprocess
import sys

START = [sys.executable, "-c", "import sys; from preaudit.cli import main; sys.exit(main())"]
# hypothesis' plugin takes a second at each start of pytest, and none of these runs needs it.
os.environ["PYTEST_ADDOPTS"] = "-p no:hypothesispytest"


def preaudit(*arguments, cwd, code=None, env=None):
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [*START, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | (env or {}),
    )  # fmt: skip
    assert "Traceback" not in done.stderr + done.stdout, done.stderr + done.stdout
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done
