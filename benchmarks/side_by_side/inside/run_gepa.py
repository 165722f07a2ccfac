"""GEPA (`optimize_anything`) on the problem of this folder: run_gepa.py URL CALLS SEED bare|lean|default.

Lean: the program is executed in GEPA's own process, and evaluations are cached. Bare: so too, and its model is ten
lines of ours that post to the endpoint. Default: the program runs through GEPA's own `execute_code` in a subprocess.
The model of lean and default is a name, for LiteLLM, as it comes.
"""

import http.client
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from gepa.optimize_anything import EngineConfig, GEPAConfig, ReflectionConfig, optimize_anything
from gepa.utils.code_execution import ExecutionMode, execute_code
from plain import FOLDER, score

HERE = Path(__file__).parent
dumps = json.dumps  # the original, whatever a program makes of the module


def lean_evaluator(candidate: str) -> tuple[float, dict[str, str]]:
    """In this process."""
    names: dict[str, object] = {"__name__": "program"}

    def load() -> dict[str, object]:
        exec(compile(candidate, "program", "exec"), names)
        return names

    total, why = score(candidate, load)
    return total, {"error": why}


def boxed_evaluator(candidate: str) -> tuple[float, dict[str, str]]:
    """In GEPA's subprocess: the evaluator's text around the program's."""
    code = (
        f"import sys\nsys.path.insert(0, {str(HERE)!r})\nimport os\nos.environ['SIDE_BY_SIDE'] = {str(FOLDER)!r}\n"
        f"from plain import score\nSOURCE = {candidate!r}\nNAMES = {{'__name__': 'program'}}\n"
        "def load():\n    exec(compile(SOURCE, 'program', 'exec'), NAMES)\n    return NAMES\n"
        "total, why = score(SOURCE, load)\n"
    )
    done = execute_code(code=code, timeout=60, mode=ExecutionMode.SUBPROCESS, capture_variables=["total", "why"])
    if not done.success:
        return 0.0, {"error": str(done.error)}
    return done.variables["total"], {"error": done.variables["why"]}


class Posting:
    """A model: posts a prompt to the endpoint, over one connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._line = http.client.HTTPConnection(str(parts.hostname), parts.port)
        self._path = f"{parts.path}/chat/completions"

    def __call__(self, prompt: object) -> str:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        body = json.dumps({"model": "breeder", "messages": messages})
        self._line.request("POST", self._path, body, {"Content-Type": "application/json"})
        said: str = json.loads(self._line.getresponse().read())["choices"][0]["message"]["content"]
        return said


def main(url: str, calls: int, seed: int, how: str) -> None:
    lean = how != "default"
    engine = EngineConfig(max_candidate_proposals=calls, seed=seed, run_dir=None if lean else "gepa_run")
    if lean:
        engine.cache_evaluation, engine.parallel = True, False
    os.environ["OPENAI_API_KEY"] = "none"
    model = Posting(url) if how == "bare" else "openai/breeder"
    os.environ["OPENAI_API_BASE"] = url
    found = optimize_anything(
        seed_candidate=Path("initial.py").read_text(),
        evaluator=lean_evaluator if lean else boxed_evaluator,
        config=GEPAConfig(engine=engine, reflection=ReflectionConfig(reflection_lm=model)),
    )
    best = max(found.val_aggregate_scores)
    Path("best.json").write_text(dumps({"score": str(best), "program": str(found.best_candidate)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
