"""Records as nobody would write them: hostile names, every verdict and level, with and without a subject."""

from __future__ import annotations

from hypothesis import strategies as st

from preaudit.evidence.record import Observation, Record, Subject, in_order
from preaudit.verdict import Level, Severity, Verdict

HOSTILE = (
    "<script>alert(1)</script>", "</td></table><img src=x onerror=alert(1)>", "'\"><svg/onload=1>", "&lt;b&gt;",
    "\x1b[2J\x1b]0;title\x07", "\u202egnp.exe", "a\u2066b\u2069", "x" * 253, "{{ 7*7 }}{% raw %}", "]]>", "名前空間",
    "e" + "\u0301" * 40, "[bold red]markup[/]", "two  words", " lead", "line\nbreak", "\u200b", "javascript:alert(1)",
    "https://evil.example/x", "\ufffe", "-->", "👩\u200d👩\u200d👧", "⚑" * 90,
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(HOSTILE), st.text(min_size=1, max_size=30), st.from_regex(r"[a-z]{1,8}", fullmatch=True)
)
_SUBJECTS = st.builds(
    Subject,
    api_version=st.sampled_from(["v1", "apps/v1", ""]),
    kind=st.one_of(st.sampled_from(["Pod", "Deployment"]), NAMES),
    namespace=st.one_of(st.just(""), NAMES),
    name=NAMES,
    within=st.one_of(st.just(""), NAMES),
    unverified=st.booleans(),
)
_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), NAMES, st.lists(NAMES, max_size=2),
                    st.just({"$redacted": {"length": 3}}))  # fmt: skip


@st.composite
def records(draw: st.DrawFn, verdicts: tuple[Verdict, ...] = tuple(Verdict)) -> list[Record]:
    """Up to twelve records of up to four requirements, in the order of a pack."""
    requirements = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    facts = {name: (draw(NAMES), draw(NAMES), draw(st.sampled_from(Severity))) for name in requirements}
    found = []
    for _ in range(draw(st.integers(0, 12))):
        name = draw(st.sampled_from(requirements))
        area, title, severity = facts[name]
        verdict = draw(st.sampled_from(verdicts))
        without = verdict is Verdict.NOT_APPLICABLE or draw(st.integers(0, 4)) == 0
        subject = None if without else draw(_SUBJECTS)
        found.append(
            Record(
                requirement=name, title=title, area=area, severity=severity, controls=("pss:baseline/privileged",),
                namespace=draw(NAMES), subject=subject, verdict=verdict, level=draw(st.sampled_from(Level)),
                scope=draw(st.sampled_from(["product", "platform"])), source=draw(st.sampled_from(["pods", "nodes"])),
                reason=draw(st.one_of(st.just(""), NAMES)), expected=draw(NAMES),
                note=draw(st.one_of(st.just(""), NAMES)),
                observed=tuple(draw(st.lists(st.builds(Observation, path=NAMES, value=_VALUES), max_size=3))),
                waiver=draw(NAMES) if verdict is Verdict.WAIVED else None,
            )
        )  # fmt: skip
    return in_order(found)
