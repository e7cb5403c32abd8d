"""The campaign command: it goes on where it was, runs failures again on other code, and a failure is counted, told and on the page."""

from __future__ import annotations

import campaign
import pytest


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setattr(campaign, "RECORDS", tmp_path)
    monkeypatch.setattr(campaign, "program_fingerprint", lambda: "one")
    return tmp_path


def test_a_campaign_goes_on_where_it_was_also_after_a_line_that_was_cut_off(records, monkeypatch):
    seen = []
    monkeypatch.setitem(campaign.CAMPAIGNS, "files", lambda number, found: seen.append(number) or "fine")
    campaign.run("files", 10, 13)
    path = records / "files.jsonl"
    path.write_text(path.read_text()[:-20])
    assert campaign.run("files", 10, 15).outcomes == {"fine": 5}
    assert seen == [10, 11, 12, 12, 13, 14]
    assert campaign.Record.load("files").outcomes == {"fine": 5}


def test_failures_run_again_on_other_code_and_the_page_says_what_ran_where(records, monkeypatch):
    monkeypatch.setitem(campaign.CAMPAIGNS, "systems", lambda number, found: 1 / (number - 1) and "agree")
    assert campaign.run("systems", 0, 3).outcomes == {"agree": 2, "failed": 1}
    monkeypatch.setitem(campaign.CAMPAIGNS, "systems", lambda number, found: "agree")
    assert campaign.run("systems", 0, 3).outcomes == {"agree": 2, "failed": 1}
    monkeypatch.setattr(campaign, "program_fingerprint", lambda: "another")
    assert campaign.run("systems", 0, 4).outcomes == {"agree": 4}
    assert "numbers 0 and 2 on `one`; numbers 1 and 3 on `another`" in campaign.page()


def test_a_failure_is_counted_and_on_the_page(records, monkeypatch):
    def breaks(number, found):
        assert number != 1, "the gradients differ"
        return "agree"

    monkeypatch.setitem(campaign.CAMPAIGNS, "systems", breaks)
    record = campaign.run("systems", 0, 3)
    assert record.outcomes == {"agree": 2, "failed": 1} and record.failures[0].failure.startswith("AssertionError: the gradients")
    assert "| failed | 1 |" in campaign.page() and "- `1: AssertionError: the gradients differ" in campaign.page()


def test_a_drawn_model_and_a_broken_file_pass(records):
    for name in ("systems", "files"):
        record = campaign.run(name, 0, 2)
        assert len(record.results) == 2 and not record.failures and all(r.features for r in record.results.values())
