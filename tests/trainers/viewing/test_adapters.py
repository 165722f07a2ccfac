"""What an adapter's own file may say, on its page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import home_beside
from gristmill.graph.view.registry import Asked
from gristmill.trainers.adapters import AdapterInfo, Adapters
from gristmill.trainers.viewing.adapters import adapter_page


@pytest.mark.parametrize("beyond", ["NaN", "Infinity", "-Infinity", "1" + "0" * 400])
def test_a_loss_that_is_no_number_any_more_is_not_drawn_and_spoils_no_picture(
    beyond: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provenance: Any = json.loads(f'{{"metrics": {{"loss": [[1, 3.0], [2, 2.0], [3, {beyond}]]}}}}')
    with Store.open(tmp_path) as store:
        path = home_beside(store.database) / "adapters" / "night"
        info = AdapterInfo(name="night", path=path, created=datetime.now(UTC), current=False, provenance=provenance)
        monkeypatch.setattr(Adapters, "list", lambda self: [info])
        page = adapter_page(store, Asked("adapter", "night"))
    assert page is not None
    assert page.loss is not None
    assert [dot.y for dot in page.loss.lines[0].dots] == [3.0, 2.0]
    assert "nan" not in page.loss.path(page.loss.lines[0])
