"""Sentences: numbers of equations in words, counts, lists."""

from __future__ import annotations

import pytest

from rnnsym.documents.wording import count, in_words, listed


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((7,), "(7)"),
        ((1, 2), "(1) and (2)"),
        ((1, 2, 3), "(1) to (3)"),
        ((3, 11), "(3) and (11)"),
        ((1, 3, 4, 5, 9), "(1), (3) to (5) and (9)"),
        ((4, 5, 6, 10, 14, 15, 16, 17), "(4) to (6), (10) and (14) to (17)"),
    ],
)
def test_only_numbers_that_follow_each_other_are_a_range(numbers, expected):
    assert in_words(numbers, lambda n: f"({n})") == expected


def test_counts_and_lists_are_grammatical():
    assert (count(1, "equation"), count(4, "equation"), count(13, "equation")) == ("one equation", "four equations", "13 equations")
    assert listed([("a",)]) == ("a",)
    assert "".join(map(str, listed([("a",), ("b",), ("c",)]))) == "a, b and c"
