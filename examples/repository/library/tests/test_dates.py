from datetime import date

import pytest
from library.dates import due_date, is_open, open_days_between

EASTER = {date(2024, 3, 29), date(2024, 4, 1)}


def test_sundays_and_holidays_are_closed():
    assert is_open(date(2024, 3, 30))
    assert not is_open(date(2024, 3, 31))
    assert not is_open(date(2024, 4, 1), EASTER)


def test_due_on_an_open_day():
    assert due_date(date(2024, 3, 1), 21) == date(2024, 3, 22)


@pytest.mark.parametrize(("days", "due"), [(7, date(2024, 3, 8)), (30, date(2024, 4, 2)), (28, date(2024, 3, 30))])
def test_due_after_closed_days(days, due):
    assert due_date(date(2024, 3, 1), days, EASTER) == due


def test_open_days():
    assert open_days_between(date(2024, 3, 28), date(2024, 4, 3), EASTER) == 3
    assert open_days_between(date(2024, 3, 28), date(2024, 3, 28)) == 0
