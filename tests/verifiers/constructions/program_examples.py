"""The example tasks of open problems: statements from the catalogue, references from `examples/programs`.

`TARGETS` are waypoints that the references reach: a little worse than the best known values, which a task without a
target asks for. After a wanted change, write the file anew and read the difference before you commit it::

    .venv/bin/python tests/verifiers/constructions/program_examples.py && git diff examples/tasks/program.jsonl
"""

from __future__ import annotations

import json
from pathlib import Path

from gristmill.graph.tasks.loading import task_row
from gristmill.verifiers.constructions.catalogue import task_of
from gristmill.verifiers.records import Task

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
TARGETS = {
    "circles_26": 2.635,
    "circles_32": 2.937,
    "circles_rectangle_21": 2.365,
    "heilbronn_triangle_11": 0.0365,
    "heilbronn_convex_13": 0.0309,
    "minmax_distance_16_2d": 12.893,
    "minmax_distance_14_3d": 4.168,
    "erdos_overlap": 0.38094,
    "autocorrelation_1": 1.513,
    "autocorrelation_2": 0.896,
    "autocorrelation_3": 1.461,
    "sums_differences": 1.1,
    "sums_differences_ratio": 1.034,
    "kissing_11": 438,
    "hexagons_11": 3.931,
    "matmul_333": 23,
    "matmul_444": 49,
    "cap_set_8": 400,
}


def example_tasks() -> list[Task]:
    """The tasks of `examples/tasks/program.jsonl`."""
    return [
        task_of(name, target=target, reference=(EXAMPLES / "programs" / f"{name}.py").read_text("utf-8"))
        for name, target in TARGETS.items()
    ]


def lines() -> str:
    """The file's text."""
    return "".join(json.dumps(task_row(task), ensure_ascii=False) + "\n" for task in example_tasks())


if __name__ == "__main__":
    (EXAMPLES / "tasks" / "program.jsonl").write_text(lines(), encoding="utf-8")
