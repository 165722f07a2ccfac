"""Pairs of responses as SER reads them: who won is known of some, and which comes first says nothing.

A line is ``{"prompt", "chosen", "rejected"}``, labelled, or ``{"prompt", "responses": [one, other]}``, not labelled;
texts, or lists of messages as `export --format preference` writes them; with an optional ``source``. The two responses
are kept in the order of their digests, so that nothing can lean on the better one's coming first, and everything that
is drawn is drawn by digests: the order of the file does not matter.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.recipes.ser.config import SerConfig

__all__ = ["Pair", "Parts", "digest", "part", "read_pairs", "unique"]

Turn = dict[str, str]


class Pair(Record):
    """Two responses to one prompt."""

    id: str = Field(description="digest of prompt and responses, the same in whatever order these come")
    source: str
    prompt: tuple[Turn, ...]
    responses: tuple[tuple[Turn, ...], tuple[Turn, ...]]
    better: int | None = Field(None, description="0 or 1: which response won; None where nobody has said")

    @property
    def group(self) -> str:
        """Digest of the prompt: pairs of one prompt are not parted between training and measuring."""
        return digest([*self.prompt])

    def turns(self, place: int) -> list[Turn]:
        """The conversation with one of the responses."""
        return [*self.prompt, *self.responses[place]]

    def text(self, place: int) -> str:
        """One of the responses as text."""
        return "\n".join(turn["content"] for turn in self.responses[place])


class Parts(Record):
    """What each pair is used for, by ids, each in an order that follows from digests alone."""

    trained: tuple[str, ...] = Field(description="labels that are trained on")
    calibrating: tuple[str, ...] = Field(description="labels that centre, calibrate and watch over accuracy")
    pool: tuple[str, ...] = Field(description="pairs whose labels are not seen, or that have none")
    held_out: tuple[str, ...] = Field(description="labels that only the end is measured on")
    labels: dict[str, int] = Field(description="of `trained` and `calibrating`, as seen: with the noise in them")
    turned: int = Field(description="labels that noise turned round")


def digest(*of: Any) -> str:
    """SHA-256 of values that are JSON."""
    return hashlib.sha256(json.dumps(of, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a JSONL file, plain or gzipped.

    Raises:
        UserError: naming file, line and field.
    """
    import gzip

    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
            lines = list(stream)
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    pairs = [_read(line, f"{path}: line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not pairs:
        raise UserError(f"{path} holds no pairs")
    return pairs


def _read(line: str, where: str) -> Pair:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UserError(f"{where}: this is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise UserError(f"{where}: a pair is an object with `prompt`, `chosen` and `rejected`")
    return pair_of(row, where)


def pair_of(row: dict[str, Any], where: str) -> Pair:
    """A row as a pair; `where` it stands is said in errors.

    Raises:
        UserError: naming the field.
    """
    labelled = "responses" not in row
    if not labelled and ("chosen" in row or "rejected" in row):
        raise UserError(f"{where}: a pair has `chosen` and `rejected`, or `responses` without a label, not both")
    prompt = _turns(row.get("prompt"), "user", f"{where}: `prompt`")
    if labelled:
        both = [_turns(row.get(field), "assistant", f"{where}: `{field}`") for field in ("chosen", "rejected")]
    else:
        responses = row["responses"]
        if not isinstance(responses, list) or len(responses) != 2:
            raise UserError(f"{where}: `responses` must be a list of two")
        both = [_turns(each, "assistant", f"{where}: `responses`") for each in responses]
    if both[0] == both[1]:
        raise UserError(f"{where}: the two responses are the same, so that neither is better")
    source = row.get("source", "")
    if not isinstance(source, str):
        raise UserError(f"{where}: `source` must be text")
    first, second = sorted(both, key=lambda turns: digest([*turns]))
    return Pair(
        id=digest([*prompt], [*first], [*second]),
        source=source,
        prompt=prompt,
        responses=(first, second),
        better=both[0] is not first if labelled else None,
    )


def _turns(value: Any, role: str, where: str) -> tuple[Turn, ...]:
    if isinstance(value, str) and value.strip():
        return ({"role": role, "content": value},)
    if (
        isinstance(value, list)
        and value
        and all(isinstance(each, dict) and all(type(each.get(k)) is str for k in ("role", "content")) for each in value)
    ):
        return tuple({"role": each["role"], "content": each["content"]} for each in value)
    raise UserError(f"{where} must be text that is not empty, or a list of messages with `role` and `content`")


def unique(pairs: Iterable[Pair]) -> tuple[list[Pair], dict[str, int]]:
    """Each pair once, in the order of ids, and what was left out, by reason.

    Of a pair that comes both with a label and without, the label is kept; where labels contradict each other, none is.
    """
    by_id: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_id.setdefault(pair.id, []).append(pair)
    kept, left_out = [], Counter[str]()
    for _, same in sorted(by_id.items()):
        labels = {each.better for each in same} - {None}
        if len(labels) == 2:
            left_out["labels contradict each other"] += len(same)
            continue
        left_out["doubles"] += len(same) - 1
        kept.append(min(same, key=lambda each: (each.better is None, each.source)))
    return kept, {reason: count for reason, count in left_out.items() if count}


def part(pairs: Sequence[Pair], config: SerConfig) -> Parts:
    """Deal the pairs out, by digests and the seed.

    Raises:
        UserError: there are too few labels for one of the parts.
    """

    def drawn(what: str, id_: str) -> str:
        return digest(what, config.seed, id_)

    labelled = [pair for pair in pairs if pair.better is not None]
    groups = sorted({pair.group for pair in labelled}, key=lambda group: drawn("held out", group))
    held_groups = set(groups[: round(config.held_out * len(groups))])
    held_out = [pair.id for pair in labelled if pair.group in held_groups]
    # Unlabelled pairs of a held-out prompt stay out of the pool: nothing of that prompt is trained on.
    rest = sorted((p for p in labelled if p.group not in held_groups), key=lambda pair: drawn("labels", pair.id))
    seen = rest[: round(config.share * len(rest))]
    # Pairs of one prompt stay together here too, or calibration would see what was trained on.
    seen.sort(key=lambda pair: (drawn("calibrating", pair.group), pair.id))
    cut = round(config.calibrating * len(seen))
    while 0 < cut < len(seen) and seen[cut - 1].group == seen[cut].group:
        cut += 1
    calibrating, trained = seen[:cut], seen[cut:]
    for what, some in (("hold out", held_out), ("calibrate on", calibrating), ("train on", trained)):
        if len(some) < 2:
            raise UserError(
                f"{len(labelled)} labelled pairs of {len(groups)} prompts leave {len(some)} to {what}: give more pairs"
                + ("" if what == "hold out" else ", or a greater --share")
            )
    noisy = sorted(seen, key=lambda pair: drawn("noise", pair.id))[: round(config.noise * len(seen))]
    turned = {pair.id for pair in noisy}
    labels = {pair.id: int(bool(pair.better) != (pair.id in turned)) for pair in seen}
    known = {pair.id for pair in seen}
    pool = [pair.id for pair in pairs if pair.group not in held_groups and pair.id not in known]
    return Parts(
        trained=tuple(sorted(pair.id for pair in trained)),
        calibrating=tuple(sorted(pair.id for pair in calibrating)),
        pool=tuple(sorted(pool)),
        held_out=tuple(sorted(held_out)),
        labels=labels,
        turned=len(turned),
    )
