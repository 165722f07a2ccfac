"""Laws of agreement, isotonic fits, calibration error and abstaining."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.trainers.measure.calibration import (
    Observation,
    abstaining,
    agreements,
    cross_fitted,
    ece,
    fit,
    folds_of,
    observations,
    reliability,
)
from gristmill.trainers.measure.confidence import confidences
from gristmill.trainers.measure.records import TaskResult
from gristmill.trainers.viewing.charts import draw_reliability

SEEN = st.lists(
    st.builds(
        Observation,
        task=st.sampled_from("abcdefgh"),
        agreement=st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0]),
        passed=st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


@given(SEEN)
def test_a_fit_never_falls_and_keeps_the_mean(seen: list[Observation]) -> None:
    made = fit(seen, 8)
    assert list(made.values) == sorted(made.values)
    assert all(0 <= value <= 1 for value in made.values)
    given = [made.confidence(each.agreement) for each in seen]
    assert sum(given) == pytest.approx(sum(each.passed for each in seen))
    # Between what was seen the lower step holds: agreement that was never seen is not taken for more.
    assert made.confidence(0.6) == made.confidence(0.5) if 0.5 in made.at else True


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_the_calibration_error_lies_between_0_and_1(pairs: list[tuple[float, bool]]) -> None:
    found = reliability([confidence for confidence, _ in pairs], [passed for _, passed in pairs])
    assert 0 <= found.ece <= 1
    assert sum(each.replies for each in found.bins) == found.replies == len(pairs)


def test_the_calibration_error_of_known_confidences() -> None:
    assert ece([1.0, 1.0, 0.0], [True, True, False]) == 0
    assert ece([1.0, 0.0], [False, True]) == 1
    assert ece([0.75] * 4, [True, True, True, False]) == pytest.approx(0)
    assert ece([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)


@given(SEEN)
def test_a_cross_fitted_confidence_knows_nothing_of_its_task(seen: list[Observation]) -> None:
    if len({each.task for each in seen}) < 2:
        with pytest.raises(ValueError, match="one task"):
            cross_fitted(seen, 8)
        return
    before = cross_fitted(seen, 8)
    turned = [
        each.model_copy(update={"passed": not each.passed}) if each.task == seen[0].task else each for each in seen
    ]
    after = cross_fitted(turned, 8)
    mine = [place for place, each in enumerate(seen) if each.task == seen[0].task]
    assert [before[place] for place in mine] == [after[place] for place in mine]
    assert set(folds_of("abcdefgh").values()) == {0, 1, 2, 3, 4}


def result(task: str, answers: Sequence[str | None], passed: Sequence[bool | None]) -> TaskResult:
    return TaskResult(task_id=task, replies=("",) * len(passed), passed=tuple(passed), answers=tuple(answers))


def test_agreement_counts_a_reply_itself_and_none_without_an_answer() -> None:
    assert agreements(["x", "y", "x", None]) == [0.5, 0.25, 0.5, 0.0]
    seen = observations([result("a", ["x", "y", "x", None], [True, None, True, False])])
    assert [(each.agreement, each.passed) for each in seen] == [(0.5, True), (0.5, True), (0.0, False)]


def test_abstaining_answers_less_and_no_worse_where_agreement_tells_right_from_wrong() -> None:
    sure = [result(f"s{n}", ["x"] * 4, [True] * 4) for n in range(20)]
    unsure = [result(f"u{n}", ["w", "x", "y", "z"], [False] * 4) for n in range(20)]
    silent = result("none", [None] * 4, [False] * 4)
    found = confidences([*sure, *unsure, silent], 4, threshold=0.7)
    assert found.calibration == "cross-fitted"
    assert found.abstaining is not None
    assert (found.abstaining.answered, found.abstaining.tasks, found.abstaining.right) == (20, 41, 20)
    all_of_them = abstaining([*sure, *unsure, silent], [1.0] * 41, 0.0)
    assert (all_of_them.answered, all_of_them.right) == (40, 20), "what has no answer is never answered"
    # What nothing has verified is given a confidence all the same.
    unverified = result("new", ["q", "q", "q", "q"], [None] * 4)
    assert confidences([*sure, *unsure, unverified], 4).majority["new"] == 1.0


def test_the_diagram_is_a_picture_by_itself_in_which_being_right_stands_higher(tmp_path: Path) -> None:
    sure = reliability([0.25] * 4 + [0.75] * 4, [True, False, False, False, True, True, True, False])
    off = reliability([0.95] * 4, [True, False, False, False])
    path = tmp_path / "reliability.svg"
    for _ in range(2):  # one that is there is replaced
        draw_reliability({"as <it> is": sure, "off": off}, path, "share that passed")
    assert [each.name for each in tmp_path.iterdir()] == ["reliability.svg"]
    text = path.read_text("utf-8")
    picture = ElementTree.fromstring(text)  # our own
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    at = [
        (float(each.attrib["cx"]), float(each.attrib["cy"])) for each in picture.iter() if each.tag.endswith("circle")
    ]
    (few, many, last) = at
    assert few[0] < many[0] < last[0]
    assert many[1] < few[1] == last[1], "three of four were right, and one of four"
    words = [each.text for each in picture.iter() if each.tag.endswith("text")]
    assert {"as <it> is: ECE 0.000", "off: ECE 0.700", "share that passed over confidence"} <= set(words)
    assert "said 75%, right 75% of 4" in picture.attrib["aria-label"]
    assert "var(" not in text, "what reads files knows no custom properties"
    assert ".chart .line-1 { stroke: #93301f" in text
    with pytest.raises(UserError, match=r"reliability.png: pictures are SVG"):
        draw_reliability({"off": off}, tmp_path / "reliability.png", "right")
    with pytest.raises(UserError, match="nothing to draw"):
        draw_reliability({}, path, "right")
    with pytest.raises(InfrastructureError, match=r"below.svg|reliability.svg"):
        draw_reliability({"off": off}, path / "below.svg", "right")
