"""One run of gplearn, in its own environment: the problem comes on standard input, what was found goes to the output.

The same terminals (x, and a column of ones) and functions as ours; log and division are gplearn's protected ones.
Population 1,000, as many generations as the evaluations allow, gplearn's defaults else, but for a stop at the error
that counts as exact and no parsimony, which would keep a longer exact formula from being found.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy
from gplearn.functions import make_function
from gplearn.genetic import SymbolicRegressor

warnings.simplefilter("ignore")
POPULATION = 1000


def _exponential(values: Any) -> Any:
    return numpy.exp(numpy.minimum(values, 50.0))


given = json.load(sys.stdin)
xs, ys = numpy.array(given["xs"]), numpy.array(given["ys"])
columns = numpy.column_stack([xs, numpy.ones_like(xs)])
regressor = SymbolicRegressor(
    population_size=POPULATION,
    generations=given["evaluations"] // POPULATION,
    function_set=(
        "add",
        "sub",
        "mul",
        "div",
        "sin",
        "cos",
        "log",
        make_function(function=_exponential, name="exp", arity=1),
    ),
    const_range=None,
    stopping_criteria=given["exact"],
    parsimony_coefficient=0.0,
    random_state=given["seed"],
)
regressor.fit(columns, ys)
off = numpy.abs(regressor.predict(columns) - ys)
generations = len(regressor.run_details_["generation"])
said = {
    "solved": bool(off.max() <= given["exact"]),
    "evaluations": generations * POPULATION,
    "best": [[generations * POPULATION, -float(off.mean()), str(regressor._program)]],
}
print(json.dumps(said))
