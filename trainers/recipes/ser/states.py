"""Hidden states of the frozen lower layers: computed once for all texts, kept on disk, shared by what trains on top."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gristmill.graph.models.local.weights import computes_in_bfloat16
from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.lora import quiet
from gristmill.trainers.recipes.ser.pairs import Pair, digest

__all__ = ["States", "parted", "tokens_of"]

_FLUSH = 64
"""Texts after which what is done is written down: a kill loses no more."""
_CLOSE = 0.02
"""Relative difference to the whole model from which on parting it is refused."""

Heard = Callable[[int, int], None]


def tokens_of(pairs: Sequence[Pair], base: Path) -> dict[str, tuple[list[int], list[int]]]:
    """The tokens of both conversations of each pair, by id."""
    from transformers import AutoTokenizer

    with quiet():
        tokenizer: Any = AutoTokenizer.from_pretrained(base)
        found = {}
        for pair in pairs:
            one, other = (
                list(tokenizer.apply_chat_template(pair.turns(place), return_dict=True)["input_ids"])
                for place in (0, 1)
            )
            found[pair.id] = (one, other)
    return found


def parted(base: Path, layers: int, *, lower: bool, dtype: Any = None) -> Any:
    """The transformer of a model with its lower layers alone, whose output is not normed yet, or with the others alone.

    Raises:
        UserError: it cannot be parted there.
    """
    import torch
    from transformers import AutoModel

    with quiet():
        model: Any = AutoModel.from_pretrained(base, dtype=dtype or torch.float32).eval()
    inside = getattr(model, "layers", None)
    if inside is None or not hasattr(model, "norm"):
        raise UserError(f"--cached-layers: a {type(model).__name__} cannot be parted; leave it out for the full depth")
    if layers >= len(inside):
        raise UserError(
            f"--cached-layers {layers}: {base.name} has {len(inside)} layers, and one must be left to train"
        )
    model.layers = inside[:layers] if lower else inside[layers:]
    model.config.num_hidden_layers = len(model.layers)
    model.config.use_cache = False
    if lower:
        model.norm = torch.nn.Identity()
    return model


class States:
    """States of texts by (pair, place), a float16 array of tokens × hidden in a file that is mapped.

    Args:
        folder: of all such caches; the same base, depth and texts give the same file in it.
    """

    def __init__(self, folder: Path, base: Path, layers: int, tokens: dict[str, tuple[list[int], list[int]]]) -> None:
        self.base, self.layers = base, layers
        self._tokens = {(id_, place): both[place] for id_, both in sorted(tokens.items()) for place in (0, 1)}
        sizes = {file.name: file.stat().st_size for file in sorted(base.glob("*.safetensors"))}
        self.folder = folder / digest(sizes, str(base.resolve()), layers, [*self._tokens.values()])[:32]
        self._at: dict[tuple[str, int], int] = {}
        total = 0
        for key, ids in self._tokens.items():
            self._at[key] = total
            total += len(ids)
        self.total = total
        self._array: Any = None

    def make(self, heard: Heard | None = None) -> None:
        """Compute what is not there yet; a killed one goes on.

        Raises:
            UserError: the model cannot be parted.
        """
        import numpy as np
        import torch

        self.folder.mkdir(parents=True, exist_ok=True)
        noted = self.folder / "done.json"
        done = json.loads(noted.read_text())["texts"] if noted.is_file() else 0
        if done == len(self._tokens):
            self._open("r")
            return
        dtype = torch.bfloat16 if computes_in_bfloat16() else torch.float32
        model = parted(self.base, self.layers, lower=True, dtype=dtype)
        if not done:
            self._check(model)
        self._open("r+" if done else "w+", model.config.hidden_size)
        keys = list(self._tokens)
        with torch.inference_mode():
            for number, key in enumerate(keys[done:], done + 1):
                states = model(input_ids=torch.tensor([self._tokens[key]])).last_hidden_state[0].float().numpy()
                if not np.isfinite(states.astype(np.float16)).all():
                    raise UserError(
                        f"--cached-layers: states of {self.base.name} do not fit 16 bits; train in full depth"
                    )
                self._array[self._at[key] : self._at[key] + len(states)] = states
                if number % _FLUSH == 0 or number == len(keys):
                    self._array.flush()
                    partial = noted.with_suffix(".partial")
                    partial.write_text(json.dumps({"texts": number}))
                    partial.rename(noted)
                if heard is not None:
                    heard(number, len(keys))
        self._open("r")

    def _open(self, mode: Any, hidden: int = 0) -> None:
        import numpy as np

        file = self.folder / "states.npy"
        shape = None if mode != "w+" else (self.total, hidden)
        self._array = np.lib.format.open_memmap(file, mode=mode, dtype=np.float16 if shape else None, shape=shape)

    def _check(self, lower: Any) -> None:
        """See that both parts, one after the other, are the whole: some models do more than pass states on."""
        import torch
        from transformers import AutoModel

        ids = torch.tensor([min(self._tokens.values(), key=len)])
        with quiet(), torch.inference_mode():
            whole: Any = AutoModel.from_pretrained(self.base, dtype=torch.float32).eval()
            want = whole(input_ids=ids).last_hidden_state
            inside = lower(input_ids=ids).last_hidden_state.float()
            got = parted(self.base, self.layers, lower=False)(inputs_embeds=inside).last_hidden_state
        off = float((want - got).norm() / want.norm())
        if off > (_CLOSE if lower.dtype == torch.float32 else 5 * _CLOSE):
            raise UserError(
                f"--cached-layers: the parts of {self.base.name} do not make the whole ({off:.1%} off); leave it out"
            )

    def length(self, id_: str) -> int:
        """Tokens of the longer text of a pair."""
        return max(len(self._tokens[id_, place]) for place in (0, 1))

    def of(self, id_: str, place: int) -> Any:
        """States of one text, tokens × hidden."""
        import numpy as np
        import torch

        at = self._at[id_, place]
        rows = self._array[at : at + len(self._tokens[id_, place])]
        return torch.from_numpy(np.array(rows, dtype=np.float32))
