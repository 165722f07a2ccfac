"""Program-aided answers: a hypothesis that is a SymPy program is run as a candidate; what it says is an answer's text.

The program defines ``answer`` (a value, or a function without arguments), or prints its answer last. Its process holds
nothing but the program, and its text is read and judged like any reply's: nothing that it says is believed.
"""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING

from gristmill.sandbox.records import Ending, Job, Limits, Profile
from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers.calling import Raised, Value, answers, error_text, over_limits
from gristmill.verifiers.mathematics.answers import Judgement
from gristmill.verifiers.records import Outcome

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["PROGRAM", "program_in", "run_program"]

_GUEST = "gristmill.verifiers.mathematics.guest.candidate"
PROGRAM = Profile(name="mathematics-program", guest=(_GUEST,), preload=("sympy",))
# '```python\nanswer = 1\n```' → 'answer = 1\n'
_BLOCK = re.compile(r"^[ \t]*```([^\n`]*)\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_NAMES = frozenset({"python", "python3", "py", "sympy"})


def program_in(reply: str) -> str | None:
    """The last code block of a reply that says it is Python, else the last that does not say what it is; None if none.

    Models like to show a program's output, or a formula, in a block of its own behind it: that is no program.
    """
    blocks = [(name.strip().lower(), source) for name, source in _BLOCK.findall(reply[-200_000:]) if source.strip()]
    programs = [source for name, source in blocks if name in _NAMES] or [source for name, source in blocks if not name]
    return dedent(programs[-1]) if programs else None


async def run_program(pool: Jobs, source: str, limits: Limits, *, fresh: bool = False) -> str | Judgement:
    """What the program answers, as text; or how it failed.

    Raises:
        SandboxError: no healthy worker can be had.
    """
    job = Job(program=f"{_GUEST}.answer_of:run", request={"source": source}, limits=limits)
    report = await pool.run(job, PROGRAM, fresh=fresh)
    if (outcome := over_limits(report)) is not None:
        return Judgement(outcome, "The program took more than its limits allow.")
    for answer in answers(report, Bounds()):
        match answer:
            case Value(str(text)):
                return text
            case Raised() as error:
                return Judgement(Outcome.ERROR, f"The program failed: {error_text(error)}.")
    printed = [line for line in report.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
    if report.ending is not Ending.FINISHED or not printed:
        return Judgement(Outcome.ERROR, "The program defines no `answer` and prints none.")
    return _as_mathematics(printed[-1].strip())


def _as_mathematics(printed: str) -> str:
    """SymPy's and Python's own spelling in that of mathematics: their log is natural, their E and I constants."""
    text = re.sub(r"(?<![A-Za-z_])log\(", r"\\ln(", printed[:2000])  # 'log(2)' → '\ln(2)'
    # '2*E + I' → '2*e + i'
    text = re.sub(r"(?<![A-Za-z_])E(?![A-Za-z_(])", "e", re.sub(r"(?<![A-Za-z_])I(?![A-Za-z_(])", "i", text))
    return re.sub(r"^\[(.*)\]$", r"\\{\1\\}", text)  # '[1, 2]' → '\{1, 2\}'
