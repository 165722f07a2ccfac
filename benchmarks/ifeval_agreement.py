"""How our instruction checkers agree with other implementations, and with labels that follow by construction.

    .venv/bin/python benchmarks/ifeval_agreement.py [--independent if_functions.py] [--differences out.jsonl]
        [--data ../shared/data] [--sandbox bubblewrap]

Pairs: every instruction of IFEval's 541 prompts, with eight replies each: natural ones, out of human preference data,
and the same brought nearer to the instruction (commas dropped, put in quotes, in capitals, …), so that both answers
occur. Beside ours: a second implementation of our own (`ifeval_second`), and with `--independent` one that others wrote
(`ifeval_independent.SOURCE` says where to get it). Needs the extra `instructions` and, for this comparison only,
`pip install py3langid`. Exit code 1: a constructed label is wrong, or a difference has no decision in
`ifeval_differences.jsonl` that holds for it, or a decision there no longer has a difference.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ifeval_constructed import constructed
from ifeval_decisions import DECISIONS, Difference, check, decide, load
from ifeval_independent import SHARED, SOURCE, Independent, independent
from ifeval_second import follows

from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Job
from gristmill.sandbox.wire.values import decode
from gristmill.verifiers.instructions.constraints import arguments
from gristmill.verifiers.instructions.verifier import INSTRUCTION_PROFILE, LIMITS

Pair = tuple[str, str, dict[str, Any]]
Readings = tuple[bool, bool]
EACH, BATCH = 8, 20

READINGS = ("strict", "loose")


def natural(data: Path) -> list[str]:
    """Replies that people and models wrote to other prompts."""
    packed = (data / "human_prefs" / "pairs.jsonl.gz").read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    texts = {text.strip() for row in rows for text in (row["chosen"], row["rejected"])}
    return sorted(text for text in texts if 20 <= len(text) <= 6000)


def nudged(reply: str, name: str, given: dict[str, Any], chance: random.Random) -> str:
    """The reply brought nearer to an instruction, sometimes all the way."""
    kind = name.partition(":")[2]
    count = next((value for value in given.values() if type(value) is int), 2) + chance.choice((-1, 0, 0, 1))
    lines = [line for line in reply.split("\n") if line.strip()]
    text = {
        "english_capital": reply.upper(),
        "english_lowercase": reply.lower(),
        "no_comma": reply.replace(",", ""),
        "quotation": f'"{reply}"',
        "title": f"<<{lines[0][:40]}>>\n{reply}",
        "json_format": json.dumps({"reply": reply}),
        "two_responses": f"{reply}\n******\n{lines[-1]}",
        "constrained_response": f"My answer is yes.\n{reply}",
        "repeat_prompt": f"{given.get('prompt_to_repeat')}\n\n{reply}",
        "end_checker": f"{reply} {given.get('end_phrase')}",
        "postscript": f"{reply}\n\n{given.get('postscript_marker')} {lines[-1]}",
        "number_placeholders": reply + " [name]" * count,
        "number_highlighted_sections": reply + "\n*so*" * count,
        "number_bullet_lists": "\n".join(f"* {line}" for line in (lines * 9)[:count]),
        "number_paragraphs": "\n***\n".join((lines * 9)[:count]),
        "keywords": reply,
        "multiple_sections": "\n".join(f"{given.get('section_spliter')} {n + 1}\n{reply}" for n in range(count)),
        "nth_paragraph_first_word": "\n\n".join([f"{given.get('first_word')} {line}" for line in (lines * 9)[:count]]),
        "number_words": " ".join((reply.split() * 99)[: max(1, count)]),
        "frequency": reply + f" {given.get('keyword')}" * count,
        "letter_frequency": reply + str(given.get("letter")) * count,
        "existence": " ".join([reply, *given.get("keywords", ())]),
        "forbidden_words": " ".join([reply, *given.get("forbidden_words", ())[: chance.randrange(2)]]),
        "capital_word_frequency": reply + " WELL" * count,
        "number_sentences": " ".join(["It is so."] * max(1, count)),
    }.get(kind, reply)
    return "\n".join(["Sure!", text, "Done."]) if chance.random() < 0.15 else text


def pairs(data: Path) -> tuple[list[Pair], list[str]]:
    """(reply, instruction, arguments) for every instruction of every prompt, the same at every run; and their prompts.

    The pairs of one instruction of one prompt stand together, `EACH` of them.
    """
    replies, chance, asked, keys = natural(data), random.Random(0), [], []
    for task in import_tasks("ifeval", data / "ifeval" / "ifeval.jsonl.gz"):
        for constraint in task.constraints:
            name, given = constraint["id"], arguments(constraint)
            for place in range(EACH):
                reply = chance.choice(replies)
                asked.append((nudged(reply, name, given, chance) if place % 2 else reply, name, given))
                keys.append(task.id)
    return asked, keys


async def library(asked: list[Pair], sandbox: str) -> list[Readings]:
    """(strict, loose) of each pair, by the checkers that the verifier uses, where it runs them."""

    async def batch(pool: Pool, part: list[Pair]) -> list[Readings]:
        items = [{"reply": reply, "constraints": [{"id": name, "kwargs": given}]} for reply, name, given in part]
        program = "gristmill.verifiers.instructions.guest.checkers:check"
        limits = LIMITS.model_copy(update={"wall_seconds": 300, "cpu_seconds": 300})
        report = await pool.run(Job(program=program, request={"items": items}, limits=limits), INSTRUCTION_PROFILE)
        readings = [decode(message)[0] for message in report.messages]
        if len(readings) != len(part):
            raise RuntimeError(f"a batch ended after {len(readings)} of {len(part)}: {report}")
        return [(one["strict"], one["loose"]) for one in readings]

    async with Pool.open(sandbox) as pool:
        parts = [asked[start : start + BATCH] for start in range(0, len(asked), BATCH)]
        return [each for part in await asyncio.gather(*(batch(pool, part) for part in parts)) for each in part]


def differences(
    asked: list[Pair], keys: list[str], ours: list[Readings], theirs: list[Readings], against: str
) -> list[Difference]:
    """Where ours and theirs are not the same."""
    return [
        Difference(key, name, number % EACH, reading, against, a, b, reply, given)
        for number, ((reply, name, given), key) in enumerate(zip(asked, keys, strict=True))
        for reading, a, b in zip(READINGS, ours[number], theirs[number], strict=True)
        if a != b
    ]


def table(asked: list[Pair], differing: list[Difference], against: str, right: dict[tuple[Any, ...], str]) -> None:
    """Agreement by instruction, and who is right where there is none; readings, not pairs, in the last two columns."""
    heads = f"| instruction | pairs | strict agrees | loose agrees | ours right | {against} right |"
    print(f"\n{heads}\n|---|---|---|---|---|---|")
    names = Counter(name for _, name, _ in asked)
    for name, total in [*sorted(names.items()), ("all", len(asked))]:
        here = [one for one in differing if name in (one.instruction, "all")]
        agree = [total - sum(one.reading == reading for one in here) for reading in READINGS]
        counts = [sum(right.get(one.where) == who for one in here) for who in ("ours", "theirs")]
        note = f" ({SHARED[name]})" if against != "second" and name in SHARED else ""
        print(f"| {name}{note} | {total} | {agree[0]} | {agree[1]} | {counts[0]} | {counts[1]} |")
    strict, loose = (1 - sum(one.reading == reading for one in differing) / len(asked) for reading in READINGS)
    print(f"agreement with {against}: strict {strict:.4f}, loose {loose:.4f}, {len(differing)} differences")


def main() -> int:
    """Compare, print the tables, and say whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--independent", type=Path, help=f"AllenAI's if_functions.py: {SOURCE}")
    parser.add_argument("--differences", "--json", type=Path, help="write every difference, as far as it is decided")
    options = parser.parse_args()
    cases = list(constructed())
    asked, keys = pairs(options.data)
    others: dict[str, Independent] = {"second": follows}
    if options.independent:
        others["allenai"] = independent(options.independent)
    begun = time.perf_counter()
    bare = [(reply, name, given) for reply, name, given, _ in cases]
    readings = asyncio.run(library(bare + asked, options.sandbox))
    seconds = time.perf_counter() - begun
    ours, rest = readings[: len(cases)], readings[len(cases) :]
    wrong = [row for row, one in zip(cases, ours, strict=True) if one[0] != row[3]]
    for reply, name, given, label in wrong:
        print(f"WRONG {name} {given}: not {label}: {reply[:100]!r}")
    print(f"constructed: {len(cases) - len(wrong)} of {len(cases)} right, all {len({row[1] for row in cases})} types")
    print(f"pairs: {len(asked)}, {sum(one[0] for one in rest)} followed; {len(readings) / seconds:.0f} pairs a second")

    decided = load()
    differing: list[Difference] = []
    for against, other in others.items():
        here = differences(asked, keys, rest, [other(*pair) for pair in asked], against)
        right = {one.where: decided[one.where]["right"] for one in here if one.where in decided}
        table(asked, here, against, right)
        labels = sum(other(reply, name, given)[0] == label for reply, name, given, label in cases)
        print(f"constructed labels that {against} has: {labels} of {len(cases)}")
        differing += here
    problems = check(differing, decided)
    gone = set(decided) - {one.where for one in differing}
    problems += [f"decided, but no difference any more: {where}" for where in sorted(gone) if where[-1] in others]
    print(f"\n{len(differing)} differences, {len(problems)} problems with their decisions in {DECISIONS.name}")
    for problem in problems[:40]:
        print(f"PROBLEM {problem}")
    if options.differences:
        kept = [decided.get(one.where) or decide(one) or one.row("", "", "") for one in differing]
        rows = [
            row | {"reply": one.reply, "arguments": dict(one.given)} for row, one in zip(kept, differing, strict=True)
        ]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        options.differences.write_text(text, encoding="utf-8")
    return int(bool(wrong or problems))


if __name__ == "__main__":
    sys.exit(main())
