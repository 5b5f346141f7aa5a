"""The survey of every server of the zoo equals what its configuration determines."""

from __future__ import annotations

import pytest

from tests.tls.comparing import against_truth
from tests.tls.zoo import LIBRARIES, known

EXPLAINED: dict[tuple[str, str], str] = {}
"""(server, beginning of the sentence): why the survey rightly says otherwise. An entry that is not needed is red."""


@pytest.mark.parametrize("name", known())
def test_survey_equals_truth(name, zoo, surveys):
    said = list(against_truth(zoo.servers[name].truth, surveys[name], zoo.identities))
    reasons = [words for server, words in EXPLAINED if server == name]
    unexplained = [one for one in said if not any(one.startswith(words) for words in reasons)]
    needless = [words for words in reasons if not any(one.startswith(words) for one in said)]
    assert not unexplained, "\n".join([name, *unexplained])
    assert not needless


def test_zoo_is_whole(zoo):
    """Every library is here, and the zoo is up before anybody loses patience."""
    if zoo.left_out:
        pytest.skip("; ".join(zoo.left_out.values()))
    assert len(zoo.servers) >= 40
    assert len({one.library for one in zoo.servers.values()}) == len(LIBRARIES)


def test_zoo_is_up_soon(zoo):
    assert zoo.seconds < 60
