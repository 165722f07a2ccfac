from datetime import date

import pytest
from library.loans import Desk, RefusedError

TODAY = date(2024, 6, 3)


def test_a_book_that_is_out_is_refused():
    desk = Desk()
    desk.lend("Emma", "ada", TODAY)
    with pytest.raises(RefusedError):
        desk.lend("Emma", "bob", TODAY)


def test_nobody_has_more_than_three():
    desk = Desk()
    for book in ("Emma", "Persuasion", "Sanditon"):
        desk.lend(book, "ada", TODAY)
    with pytest.raises(RefusedError):
        desk.lend("Lady Susan", "ada", TODAY)
    desk.take_back("Emma")
    assert desk.lend("Lady Susan", "ada", TODAY) == date(2024, 6, 24)


def test_who_waits_is_next():
    desk = Desk()
    desk.lend("Emma", "ada", TODAY)
    assert desk.hold("Emma", "bob") == 1
    assert desk.take_back("Emma") == "bob"


def test_overdue():
    desk = Desk()
    desk.lend("Emma", "ada", date(2024, 5, 2))
    desk.lend("Sanditon", "ada", date(2024, 5, 1))
    assert desk.overdue(TODAY) == ["Sanditon", "Emma"]
    assert desk.overdue(date(2024, 5, 3)) == []
