"""The campaign command: it goes on where it was, begins anew for other code, and a failure is counted, told and on the page."""

from __future__ import annotations

import campaign
import pytest


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setattr(campaign, "RECORDS", tmp_path)
    monkeypatch.setattr(campaign, "program_fingerprint", lambda: "one")
    return tmp_path


def test_a_campaign_goes_on_where_it_was(records, monkeypatch):
    seen = []
    monkeypatch.setitem(campaign.CAMPAIGNS, "files", lambda number, record: seen.append(number) or "fine")
    assert campaign.run("files", 3, seed=10).done == 3
    assert campaign.run("files", 5, seed=10).outcomes == {"fine": 5}
    assert seen == [10, 11, 12, 13, 14]
    monkeypatch.setattr(campaign, "program_fingerprint", lambda: "another")
    campaign.run("files", 2, seed=10)
    assert seen[5:] == [10, 11]


def test_a_failure_is_counted_and_on_the_page(records, monkeypatch):
    def breaks(number, record):
        assert number != 1, "the gradients differ"
        return "agree"

    monkeypatch.setitem(campaign.CAMPAIGNS, "systems", breaks)
    record = campaign.run("systems", 3, seed=0)
    assert record.outcomes == {"agree": 2, "failed": 1} and record.failures[0].startswith("1: AssertionError")
    assert "| failed | 1 |" in campaign.page() and "the gradients differ" in campaign.page()


def test_a_drawn_model_and_a_broken_file_pass(records):
    for name in ("systems", "files"):
        record = campaign.run(name, 2, seed=0)
        assert record.done == 2 and not record.failures and record.features
