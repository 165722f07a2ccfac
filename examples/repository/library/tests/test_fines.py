from datetime import date

from library.fines import fine

DUE = date(2024, 5, 6)


def test_in_time_costs_nothing():
    assert fine(DUE, DUE) == 0
    assert fine(DUE, date(2024, 5, 1)) == 0


def test_a_week_late():
    assert fine(DUE, date(2024, 5, 13)) == 150
    assert fine(DUE, date(2024, 5, 13), child=True) == 75


def test_no_fine_is_more_than_the_most():
    assert fine(DUE, date(2025, 5, 6)) == 1000
    assert fine(DUE, date(2025, 5, 6), child=True) == 500
