"""The command that compares two packs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import IO

from preaudit.errors import UsageError
from preaudit.evidence.archive import ArchiveRefused, open_pack
from preaudit.evidence.comparison import compare
from preaudit.render.comparison import RENDERED
from preaudit.verdict import Exit


def diff(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Print what changed from OLD to NEW; 1 where ``--fail-on-new`` is given and something is worse at level fail."""
    try:
        with open_pack(Path(parsed.old)) as old, open_pack(Path(parsed.new)) as new:
            comparison = compare(old, new)
    except ArchiveRefused as refused:
        # To verify, a damaged archive is a finding; here nothing was compared, so that nothing is new.
        raise UsageError(str(refused)) from None
    out.write(RENDERED[parsed.format](comparison))
    return Exit.FAILED.value if parsed.fail_on_new and comparison.worse else Exit.OK.value
