"""How our instruction checkers agree with a second implementation, and with labels that follow by construction.

    .venv/bin/python benchmarks/ifeval_agreement.py [--data ../shared/data] [--sandbox bubblewrap] [--json out.json]

Pairs: every instruction of IFEval's 541 prompts, with eight replies each: natural ones, out of human preference data,
and the same brought nearer to the instruction (commas dropped, put in quotes, in capitals, …), so that both answers
occur. Needs the extra `instructions` and, for this comparison only, `pip install py3langid`. Exit code 1: a
constructed label is wrong, or a difference is not among the `REASONS`.
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
from ifeval_second import follows

from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Job
from gristmill.sandbox.values.canonical import decode
from gristmill.verifiers.instructions.constraints import arguments
from gristmill.verifiers.instructions.verifier import INSTRUCTION_PROFILE, LIMITS

Pair = tuple[str, str, dict[str, Any]]
EACH, BATCH = 8, 20

# Where the two may differ, who is right, and why: decided by reading every kind of difference that occurred.
REASONS = {
    "length_constraints:number_sentences": (
        "library", "a program inside the reply: what its sentences are is not defined, so the published count stands",
    ),
    "change_case:capital_word_frequency": (
        "library", "what one word is, is not defined at hyphens and dots: the published Treebank tokens stand",
    ),
    "change_case:english_capital": (
        "second", "it is English in capitals, and langdetect takes it for another language; kept, as published",
    ),
    "change_case:english_lowercase": (
        "second", "lists, code and short phrases, which langdetect takes for another language; kept, as published",
    ),
    "language:response_language": ("second", "a table of digits is in no language; langdetect names one all the same"),
}  # fmt: skip


def natural(data: Path) -> list[str]:
    """Replies that people and models wrote to other prompts."""
    packed = (data / "human_prefs" / "pairs.jsonl.gz").read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    found = {text.strip() for row in rows for text in (row["chosen"], row["rejected"])}
    return sorted(text for text in found if 20 <= len(text) <= 6000)


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


def pairs(data: Path) -> list[Pair]:
    """(reply, instruction, arguments) for every instruction of every prompt; the same at every run."""
    replies, chance, found = natural(data), random.Random(0), []
    for task in import_tasks("ifeval", data / "ifeval" / "ifeval.jsonl.gz"):
        for constraint in task.constraints:
            name, given = constraint["id"], arguments(constraint)
            for place in range(EACH):
                reply = chance.choice(replies)
                found.append((nudged(reply, name, given, chance) if place % 2 else reply, name, given))
    return found


async def library(asked: list[Pair], sandbox: str) -> list[tuple[bool, bool]]:
    """(strict, loose) of each pair, by the checkers that the verifier uses, where it runs them."""

    async def batch(pool: Pool, part: list[Pair]) -> list[tuple[bool, bool]]:
        items = [{"reply": reply, "constraints": [{"id": name, "kwargs": given}]} for reply, name, given in part]
        program = "gristmill.verifiers.instructions.checkers:judge"
        limits = LIMITS.model_copy(update={"wall_seconds": 300, "cpu_seconds": 300})
        report = await pool.run(Job(program=program, request={"items": items}, limits=limits), INSTRUCTION_PROFILE)
        told = [decode(message)[0] for message in report.messages]
        if len(told) != len(part):
            raise RuntimeError(f"a batch ended after {len(told)} of {len(part)}: {report}")
        return [(one["strict"], one["loose"]) for one in told]

    async with Pool.open(sandbox) as pool:
        parts = [asked[start : start + BATCH] for start in range(0, len(asked), BATCH)]
        return [each for part in await asyncio.gather(*(batch(pool, part) for part in parts)) for each in part]


def main() -> int:
    """Compare, print both tables, and say whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = list(constructed())
    asked = pairs(options.data)
    begun = time.perf_counter()
    found = asyncio.run(library([(reply, name, given) for reply, name, given, _ in known] + asked, options.sandbox))
    seconds = time.perf_counter() - begun
    ours, rest = found[: len(known)], found[len(known) :]
    wrong = [
        (name, given, label, reply)
        for (reply, name, given, label), one in zip(known, ours, strict=True)
        if one[0] != label
    ]
    for name, given, label, reply in wrong:
        print(f"WRONG {name} {given}: not {label}: {reply[:100]!r}")
    differing = []
    for (reply, name, given), one in zip(asked, rest, strict=True):
        other = follows(reply, name, given)
        differing += [
            (name, given, reading, a, reply)
            for reading, a, b in zip(("strict", "loose"), one, other, strict=True)
            if a != b
        ]
    unexplained = [row for row in differing if row[0] not in REASONS]
    print(f"constructed: {len(known) - len(wrong)} of {len(known)} right, all {len({row[1] for row in known})} types")
    yes = sum(one[0] for one in rest)
    print(f"pairs: {len(asked)}, {yes} followed; {2 * len(asked) / seconds:.0f} readings a second")
    print("| instruction | pairs | strict differs | loose differs | right is | why |\n|---|---|---|---|---|---|")
    for name, total in sorted(Counter(name for _, name, _ in asked).items()):
        strict, loose = (sum(row[0] == name and row[2] == each for row in differing) for each in ("strict", "loose"))
        right, why = REASONS[name] if (strict or loose) and name in REASONS else ("", "")
        print(f"| {name} | {total} | {strict} | {loose} | {right} | {why} |")
    strict = sum(row[2] == "strict" for row in differing)
    print(f"agreement: strict {1 - strict / len(asked):.4f}, loose {1 - (len(differing) - strict) / len(asked):.4f}")
    for name, given, reading, a, reply in unexplained[:40]:
        print(f"UNEXPLAINED {name} {given} {reading}: the library says {a}: {reply[:150]!r}")
    if options.json:
        options.json.write_text(json.dumps(differing, indent=1, ensure_ascii=False), encoding="utf-8")
    return int(bool(wrong or unexplained))


if __name__ == "__main__":
    sys.exit(main())
