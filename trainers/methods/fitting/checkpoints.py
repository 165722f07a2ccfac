"""Where a training goes on that was cut off: a hidden folder beside the adapter, gone when that is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

__all__ = ["Checkpoints", "saver"]

_OF = "of.json"


class Checkpoints:
    """The checkpoints of one training.

    A training of other rows, other knobs, another base or another adapter to start from begins anew: what lies there
    is then another's, and is removed.

    Args:
        out: the adapter to be made.
        of: what the training is made of, as JSON.
    """

    def __init__(self, out: Path, of: dict[str, Any]) -> None:
        self.folder = out.with_name(f".{out.name}.checkpoints")
        digest = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()
        try:
            same = json.loads((self.folder / _OF).read_text("utf-8"))["sha256"] == digest
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            self.remove()
            self.folder.mkdir(parents=True)
            (self.folder / _OF).write_text(json.dumps({"sha256": digest}), encoding="utf-8")

    def last(self) -> Path | None:
        """The last one that is whole: its state is what the trainer writes at the end of it."""
        whole = [path for path in self.folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
        return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)

    def remove(self) -> None:
        """Remove them all."""
        shutil.rmtree(self.folder, ignore_errors=True)


def saver(seconds: float) -> Any:
    """A callback that asks the trainer for a checkpoint whenever so many seconds have passed."""
    from transformers import TrainerCallback

    class Saver(TrainerCallback):
        last = time.monotonic()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            # The end is saved by itself.
            if state.global_step < state.max_steps and time.monotonic() - self.last >= seconds:
                control.should_save = True

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.last = time.monotonic()

    return Saver()
