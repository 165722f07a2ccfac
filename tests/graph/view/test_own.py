"""What the pages of runs say, from the store alone."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gristmill.graph.amounts import Amount
from gristmill.graph.config import RunConfig
from gristmill.graph.storage.entries import call_started
from gristmill.graph.storage.store import Store
from gristmill.graph.view.own.course import course_page
from gristmill.graph.view.own.hypothesis import hypothesis_page
from gristmill.graph.view.own.population import population_page
from gristmill.graph.view.own.run import run_page
from gristmill.graph.view.own.task import task_page
from gristmill.graph.view.own.trust.doubts import doubts_page
from gristmill.graph.view.registry import Asked
from gristmill.trainers.cli import app
from gristmill.trainers.viewing.comparison import comparison_page
from tests.graph.view.filled import TASKS, climb


def test_a_command_that_a_page_names_finds_the_workspace_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, elsewhere, double = tmp_path / "work", tmp_path / "elsewhere", TASKS[0].id
    elsewhere.mkdir()
    with Store.open(work) as store:
        for name in ("night", "day"):
            store.create_run(name, RunConfig(), TASKS)

        def named(*, public: bool) -> list[str]:
            asked = [Asked("", "night", double, public=public) for _ in range(3)]
            found = [run_page(store, asked[0]), course_page(store, asked[1]), population_page(store, asked[2])]
            return [each.show for each in found if each is not None]

        compared = comparison_page(store, Asked("compare", "", options={"before": "night", "after": "day"}))
        assert compared is not None
        commands = [*named(public=False), compared.command]
        assert [str(work) in each for each in named(public=True)] == [False] * 3
        assert course_page(store, Asked("course", "night", "other")) is None
        assert population_page(store, Asked("population", "noon", double)) is None
    monkeypatch.chdir(elsewhere)
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, (command, done.output)
    assert len(commands) == 4


def test_a_run_is_answered_by_hand_where_it_asks_the_mailbox_whatever_that_is_called(tmp_path: Path) -> None:
    by_hand = RunConfig.model_validate({"models": [{"model": "mailbox", "name": "me"}, "mutate"]})
    with Store.open(tmp_path) as store:
        store.create_run("by-hand", by_hand, TASKS)
        store.create_run("served", RunConfig.of(model="openai:mailbox@http://127.0.0.1:1/v1"), TASKS)
        found = {name: run_page(store, Asked("run", name)) for name in ("by-hand", "served")}
    assert {name: bool(page.answered) for name, page in found.items() if page is not None} == {
        "by-hand": True,
        "served": False,
    }


@given(st.text("0123456789-x", max_size=6), st.integers(0, 300), st.integers(1, 100))
def test_a_part_beyond_the_end_is_the_last_one(asked: str, count: int, size: int) -> None:
    things = range(count)
    page, told, some = Asked("", "", options={"page": asked}).part(
        size, lambda skip, n: (count, things[skip : skip + n])
    )
    assert told == count
    assert some == things[page * size : (page + 1) * size]
    assert bool(some) == bool(count)
    if asked.isdigit() and int(asked) * size < count:
        assert page == int(asked)


def test_a_hypothesis_is_shown_from_what_is_stored_of_it_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        asyncio.run(climb(store))
        late, early = "top/7/0", "top/0/0"
        bought = [(late, 2, Amount(1, 5, 11)), (f"{late}r", 1, Amount(1, 3, 7)), (f"{early}0", 1, Amount(1, 900, 900))]
        store.save([call_started("hill", id_, attempt, spent) for id_, attempt, spent in bought])
        calls, money = store.calls("hill"), store.account.money("hill")
        every = store.glances.hypotheses("hill", "top")
        assert len(every) == 32
        for each in every:
            spent = store.account.of("hill", each.id)
            assert (spent.calls, spent.money) == (calls[each.id], money[each.id])
        assert (calls[late], money[late]) == (2, 18)
        assert store.glances.hypotheses("hill", "top", {3, 7}) == [each for each in every if each.round in (3, 7)]
        parents = {id_: step.hypothesis.parents for id_, step in store.steps_of("hill", [e.id for e in every]).items()}
        assert any(parents.values())
        for each in every:
            page = hypothesis_page(store, Asked("hypothesis", "hill", each.id))
            assert page is not None
            assert set(page.children) == {id_ for id_, of in parents.items() if each.id in of}
        beyond = Asked("", "hill", "top", {"page": "9999"})
        task, doubts = task_page(store, beyond), doubts_page(store, beyond)
    assert task is not None
    assert doubts is not None
    assert (task.page, task.pages, task.first, task.last) == (0, 1, 1, 32)
    assert (doubts.page, doubts.count) == (0, 0)
