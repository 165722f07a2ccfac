"""Names of tests, and what their text says of them."""

from __future__ import annotations

import pytest

from gristmill.verifiers.repositories.tests import asserts

MUST = [
    "assert f(1) == 2",
    "x = f(1)\n    for y in x:\n        print(y)\n    assert x",
    "with open(f) as file:\n        assert file",
    "with pytest.raises(ValueError):\n        f(0)\n    assert f(1)",
    "assert not f(1)",
]
NEED_NOT = [
    "assert 1 + 1 == 2",
    "assert True",
    "assert (f(1) == 2, 'message')",
    "assert sys.version_info > (3,)",
    "for each in f(1):\n        assert each",
    "if f(1):\n        assert f(2)",
    "if not f(1):\n        return\n    assert f(2)",
    "with pytest.raises(ValueError):\n        f(0)\n        assert f(1)",
    "mock.assert_called_once()",
]


@pytest.mark.parametrize(("body", "must"), [*((each, True) for each in MUST), *((each, False) for each in NEED_NOT)])
def test_only_an_assertion_that_has_to_run_is_waited_for(body: str, must: bool) -> None:
    for head, name in (("def test_f(f):\n    ", "test_f"), ("async def test_f():\n    ", "test_f[1-2]")):
        assert asserts(f"tests/test_a.py::{name}", head + body) is must
    inside = "class TestF:\n    def test_f(self):\n        " + body.replace("\n", "\n    ")
    assert asserts("tests/test_a.py::TestF::test_f", inside) is must
    assert not asserts("tests/test_a.py::TestF", inside)
