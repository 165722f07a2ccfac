"""What a dataset's card says of how its rows were chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gristmill.trainers.data.card import cell, table
from gristmill.trainers.data.curation.balance import strata_of
from gristmill.trainers.data.curation.contamination import Decontamination

__all__ = ["REPORT", "chosen"]

REPORT = "decontamination.json"
_SHOWN = 30
_BY = {
    "id": "the task itself",
    "prompt": "its prompt, nearly or within another",
    "words": "words in a row",
    "structure": "the structure of its solution",
}


def chosen(
    rows: Sequence[Mapping[str, Any]],
    *,
    decontamination: Decontamination | None,
    left_out: Mapping[str, int],
    seeds: Mapping[str, int],
) -> str:
    """The card's sections on what was left out, on decontamination, on strata and on seeds."""
    parts = []
    if left_out:
        parts += ["## Left out", table(["because", "how many"], sorted(left_out.items()))]
    if decontamination is not None:
        parts += ["## Decontamination", *_decontaminated(decontamination)]
    strata = Counter(stratum for row in rows for stratum in strata_of(row) if not stratum.startswith("task:"))
    if strata:
        most = sorted(strata.items(), key=lambda each: (-each[1], each[0]))
        more = f"\n\nand {len(most) - _SHOWN} more" if len(most) > _SHOWN else ""
        parts += ["## Strata", table(["stratum", "rows"], most[:_SHOWN]) + more]
    if seeds:
        parts += ["## Seeds", table(["of", "seed"], list(seeds.items()))]
    return "".join(f"\n{part}\n" for part in parts)


def _decontaminated(report: Decontamination) -> list[str]:
    config = report.config
    parts = [
        f"{report.rows} rows were held against the tasks below: {config.words} words in a row, prompts alike by "
        f"{config.near_copy:g}, and solutions of the same syntax tree of {config.elements} elements or more. "
        f"{report.templates} runs of words that are a template's were not counted. `{REPORT}` has each row that went."
    ]
    if report.checked:
        kinds = sorted({kind for counts in report.dropped.values() for kind in counts})
        lines = [
            [source, size, *(report.dropped.get(source, {}).get(kind, 0) for kind in kinds)]
            for source, size in report.checked.items()
        ]
        parts.append(table(["held out", "tasks", *(f"rows left out by {_BY[kind]}" for kind in kinds)], lines))
    else:
        parts.append("There were none: nothing was named, and the run has no gate or test tasks.")
    parts += [f"**Not checked: {cell(name)}**: {cell(reason)}." for name, reason in report.unchecked.items()]
    return parts
