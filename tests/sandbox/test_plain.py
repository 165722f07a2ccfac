"""Nothing that others wrote steers a terminal or cannot be kept."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from gristmill.sandbox.plain import console_for, plain, plain_json, say, say_json, writable
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Outcome, Strength, Verdict

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
STEERING = [
    "\x1b]52;c;aGk=\x07",  # OSC 52: into the clipboard
    "\x1b[2J\x1b[1;1H",  # CSI: erases, moves
    "\x9b2J\x9d52;c;aGk=\x9c",  # the same with one character each
    "\x1bP+q544e\x1b\\",  # DCS: asks the terminal, which answers as if typed
    "\x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\",
    "safe\u202egnp.exe",
    "\u2066left\u2069\u200f",
    "\r\x08\x7f\x0b\x0c\x85\u2028\u2029",
    "\U000e0041\U000e0042\u00ad\ufeff\u200b",
]


@given(ANY)
def test_what_is_shown_has_no_character_without_a_shape(text: str) -> None:
    shown = plain(text)
    assert all(each in "\n\t" or unicodedata.category(each)[0] in "LMNPS" or each == " " for each in shown)
    assert plain(shown) == shown
    shown.encode()


@given(st.recursive(ANY | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(ANY, inner), max_leaves=8))
def test_a_json_document_stays_the_same_document(value: object) -> None:
    for indent in (None, 1):
        document = plain_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(document) == json.loads(json.dumps(value))
        assert document.replace("\n", "").isprintable()
        document.encode()


@given(ANY)
def test_every_record_can_be_kept_and_read_again(text: str) -> None:
    class Loose(Record):
        text: str
        more: dict[str, list[str]] = {}

    writable(text).encode()
    loose = Loose(text=text, more={text: [text]})
    kept = loose.model_dump_json()
    kept.encode()
    assert Loose.model_validate_json(kept) == Loose(text=writable(text), more={writable(text): [writable(text)]})
    verdict = Verdict(outcome=Outcome.ERROR, score=0.0, strength=Strength.TESTED, feedback=text, verifier="v/1")
    assert verdict.feedback == writable(text)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert Verdict.model_validate_json(verdict.model_copy(update={"feedback": text}).model_dump_json()) == verdict


@pytest.mark.parametrize("text", STEERING, ids=ascii)
def test_no_way_to_print_lets_it_through(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    say(text)
    say(text, err=True)
    say_json(json.dumps({"a": text}, ensure_ascii=False))
    file = io.StringIO()
    for console in (console_for(), console_for(stderr=True), console_for(file=file, width=80)):
        table = Table(f"head{text}", "b", title=text)
        table.add_row(f"cell{text}", Text(text))
        console.print(table)
        console.print(f"[bold]{text}[/bold] [link=http://x]a[/link]", highlight=False)
    printed = "".join(capfd.readouterr()) + file.getvalue()
    assert printed
    assert plain(printed) == printed
    assert "[bold]" in printed  # words of a model are no markup of ours


def test_a_terminal_still_gets_the_colours_that_are_ours() -> None:
    file = io.StringIO()
    console_for(file=file, force_terminal=True, width=80, color_system="standard").print(Text("x\x1b[2J", style="red"))
    assert file.getvalue() == "\x1b[31mx�[2J\x1b[0m\n"
