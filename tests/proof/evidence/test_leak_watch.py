"""The scan beside the run finds what the scan after it finds, and what it missed is scanned again."""

import pytest

from preaudit.evidence.leak_watch import LeakWatch
from preaudit.evidence.leaks import LeakFound, scan

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xfn\n-----END RSA PRIVATE KEY-----\n"
CLEAN = {"snapshot/pods.jsonl": '{"metadata":{"name":"AKIAIOSFODNN7EXAMPLE"}}\n', "records.jsonl": '{"reason":"all is well"}\n',
         "report.html": "<p>nothing</p>"}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "snapshot").mkdir()
    for name, text in CLEAN.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_clean_pack_is_told_as_the_scan_itself_tells_it(folder):
    watch = LeakWatch(folder)
    watch.whole(CLEAN)
    found = watch.require_clean()
    assert found == scan(folder)
    assert [one.name for one in found.named] == ["AKIAIOSFODNN7EXAMPLE"]


@pytest.mark.parametrize("told", [True, False])
def test_a_leak_is_found_whether_the_file_was_told_of_or_not(folder, told):
    (folder / "junit.xml").write_text(KEY)
    watch = LeakWatch(folder)
    watch.whole([*CLEAN, *(["junit.xml"] if told else [])])
    with pytest.raises(LeakFound, match=r"junit\.xml, line 1"):
        watch.require_clean()


def test_a_scan_whose_process_died_is_made_again(folder):
    (folder / "junit.xml").write_text(KEY)
    watch = LeakWatch(folder)
    watch._process.close()
    watch.whole([*CLEAN, "junit.xml"])
    with pytest.raises(LeakFound):
        watch.require_clean()


def test_a_file_that_cannot_be_read_is_not_passed_over(folder):
    watch = LeakWatch(folder)
    watch.whole([*CLEAN, "gone.txt"])
    assert watch.require_clean() == scan(folder)
