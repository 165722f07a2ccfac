"""The evaluator file that OpenEvolve is given."""

from pathlib import Path

from plain import module_of, score


def evaluate(program_path: str) -> dict[str, float]:
    """What OpenEvolve asks for."""
    total, _ = score(Path(program_path).read_text(), lambda: module_of(program_path))
    return {"combined_score": total}
