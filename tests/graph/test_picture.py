"""The README shows the graph that runs."""

from __future__ import annotations

import json
import re
from importlib import util
from pathlib import Path

from langgraph.graph.state import CompiledStateGraph

from gristmill.graph.build import campaign_graph, mermaid, task_graph

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_shows_the_graph_as_it_is_built() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = re.search(r"<!-- graph:begin -->\n```mermaid\n(.*?)```\n<!-- graph:end -->", readme, re.DOTALL)
    assert picture, "README.md has no picture between <!-- graph:begin --> and <!-- graph:end -->"
    assert picture[1] == mermaid(), "redraw it: gristmill graph"


def test_the_loop_has_the_edges_of_the_design() -> None:
    edges = {(edge.source, edge.target, edge.data) for edge in task_graph().get_graph().edges}
    assert edges == {
        ("__start__", "propose", None),
        ("propose", "verify", None),
        ("verify", "rank", None),
        ("rank", "record", "converged"),
        ("rank", "reflect", "not yet"),
        ("reflect", "propose", None),
        ("record", "__end__", None),
    }


def test_the_campaign_holds_one_loop_per_task() -> None:
    nodes = set(campaign_graph().get_graph(xray=True).nodes)
    assert {"open", "close", "task:propose", "task:record"} <= nodes


def test_langgraph_json_names_graphs_that_can_be_built() -> None:
    graphs = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]
    for number, where in enumerate(graphs.values()):
        file, _, name = where.partition(":")
        spec = util.spec_from_file_location(f"studio_{number}", ROOT / file)
        assert spec
        assert spec.loader
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert isinstance(getattr(module, name)(), CompiledStateGraph)
