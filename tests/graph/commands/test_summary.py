"""What a run came to, in lines: what the close of a search has found, whose fault a missing number is, who is out."""

from __future__ import annotations

import io

from rich.console import Console

from gristmill.graph.commands.reports.summary import closing_lines, print_summary
from gristmill.graph.records import StopReason, Tokens
from gristmill.graph.summary import CampaignSummary, Closing, Finalist, TaskStanding
from gristmill.verifiers.records import Direction, Outcome


def standing(closing: Closing | None, task: str = "pack") -> TaskStanding:
    fields = {"solved": False, "best": "pack/1/0", "outcome": Outcome.FAILED, "score": 2.0, "graded": True}
    return TaskStanding(task=task, kind="code", stop=StopReason.ROUNDS, rounds=2, calls=8, closing=closing, **fields)


def closed(*finalists: Finalist, **more: object) -> Closing:
    fields: dict[str, object] = {"winner": None, "confirmed": True, "direction": Direction.MINIMIZE, **more}
    return Closing(finalists=finalists, **fields)


def finalist(hypothesis: str, score: float, **more: object) -> Finalist:
    fields: dict[str, object] = {"rescore": score, "replicates": 1, **more}
    return Finalist(hypothesis=hypothesis, score=score, **fields)


def test_a_search_that_is_not_closed_has_no_lines() -> None:
    assert closing_lines(standing(None), alone=True) == []


def test_search_re_score_and_held_out_stand_side_by_side() -> None:
    won = finalist("pack/1/0", 2.0, held_out=2.5)
    assert closing_lines(standing(closed(won, winner="pack/1/0")), alone=True) == [
        "winner       pack/1/0: search 2, re-score 2, held out 2.5"
    ]
    assert closing_lines(standing(closed(won, winner="pack/1/0")), alone=False) == [], "of many, what is amiss only"


def test_a_race_says_how_often_and_how_surely() -> None:
    won = finalist("pack/1/0", 2.0, rescore=2.25, replicates=12, low=2.125, high=2.375)
    assert closing_lines(standing(closed(won, winner="pack/1/0", noisy=True)), alone=True) == [
        "winner       pack/1/0: search 2, re-score 2.25 in the mean of 12 (95%: 2.125 to 2.375)"
    ]


def test_who_steps_down_is_named_with_the_reason() -> None:
    fell = finalist("pack/0/1", 1.0, rescore=None, stepped_down="not found again on a fresh worker")
    won = finalist("pack/1/0", 2.0)
    assert closing_lines(standing(closed(fell, won, winner="pack/1/0")), alone=False) == [
        "stepped down pack: pack/0/1, search 1: not found again on a fresh worker"
    ]


def test_the_best_of_those_that_did_not_stand_is_called_that() -> None:
    fell = finalist("pack/0/1", 1.0, rescore=9.0, stepped_down="it came to 9")
    assert closing_lines(standing(closed(fell, winner="pack/0/1", confirmed=False)), alone=False) == [
        "unconfirmed  pack: pack/0/1 is the best of those that did not stand",
        "stepped down pack: pack/0/1, search 1: it came to 9",
    ]


def test_trouble_at_the_close_says_what_to_do() -> None:
    told = closing_lines(standing(closed(trouble="no worker can be had", confirmed=False)), alone=True)
    assert told == ["re-score     not to be had: no worker can be had; --resume tries again, and asks no model"]


def test_whose_fault_a_missing_number_is_and_who_was_given_up_is_told() -> None:
    summary = CampaignSummary(
        run="night",
        status="finished",
        tasks=1,
        ended=1,
        solved=0,
        hypotheses=3,
        verified=0,
        unscored=3,
        faulty=2,
        fault="line 4: ZeroDivisionError",
        fault_of="pack",
        outcomes={Outcome.UNSCORED: 3},
        stops={StopReason.ROUNDS: 1},
        tokens=Tokens(),
        calls=3,
        repeated=0,
        left_out={"big": "404: no such model"},
        seconds=1.0,
    )
    out = io.StringIO()
    print_summary(Console(file=out, width=300), summary)
    lines = out.getvalue().splitlines()
    assert "left out     big, which is asked no more: 404: no such model" in lines
    assert "unscored     1: not judged for want of a sandbox; --resume tries them again" in lines
    (faulty,) = [line for line in lines if line.startswith("faulty")]
    assert "2: the evaluator of pack had no number for them" in faulty
    assert "line 4: ZeroDivisionError" in faulty
