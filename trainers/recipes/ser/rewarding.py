"""The reward model of SER, two ways: all layers by `RewardModelMethod`, or the upper layers on cached states."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from gristmill.graph.events import staged
from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.base import Steps
from gristmill.trainers.methods.lora import Lora, quiet
from gristmill.trainers.recipes.ser.config import Training
from gristmill.trainers.recipes.ser.pairs import Pair
from gristmill.trainers.recipes.ser.states import Heard, States, parted

__all__ = ["HEAD", "CachedRewards", "FullRewards", "RewardModel", "upper_model"]

HEAD = "head.safetensors"
"""The head's weights, in the folder of a model that was trained on cached states."""

Labelled = Sequence[tuple[str, int]]


class RewardModel(Protocol):
    """Trains on pairs and scores them; each model is a folder."""

    def train(
        self, labelled: Labelled, *, out: Path, epochs: float, start: Path | None, seed: int, progress: Steps
    ) -> None:
        """Train on (pair, winner) and leave the model at `out`, whole or not at all; a killed one begins again."""
        ...

    def rewards(self, ids: Sequence[str], model: Path, heard: Heard) -> dict[str, tuple[float, float]]:
        """The reward of both responses of each pair."""
        ...


class FullRewards:
    """All layers of the base, by TRL."""

    def __init__(self, pairs: Mapping[str, Pair], base: Path, training: Training) -> None:
        self._pairs, self._base, self._training = pairs, base, training

    def train(
        self, labelled: Labelled, *, out: Path, epochs: float, start: Path | None, seed: int, progress: Steps
    ) -> None:
        """As `RewardModel.train`; a killed one goes on at its last checkpoint."""
        from gristmill.trainers.methods.reward_model import RewardModelMethod

        if (out / "adapter_config.json").is_file():
            return
        told = self._training
        rows = [
            {
                "prompt": [*self._pairs[id_].prompt],
                "chosen": [*self._pairs[id_].responses[better]],
                "rejected": [*self._pairs[id_].responses[1 - better]],
            }
            for id_, better in labelled
        ]
        out.parent.mkdir(parents=True, exist_ok=True)
        RewardModelMethod(
            lora=told.lora,
            learning_rate=told.learning_rate,
            epochs=epochs,
            batch=told.batch,
            max_tokens=told.max_tokens,
            micro_tokens=told.micro_tokens,
            centre=told.centre,
            seed=seed,
        ).train(rows, base=self._base, out=out, progress=progress, adapter=start)

    def rewards(self, ids: Sequence[str], model: Path, heard: Heard) -> dict[str, tuple[float, float]]:
        """As `RewardModel.rewards`."""
        from gristmill.trainers.methods.reward_model import scores

        texts = [self._pairs[id_].turns(place) for id_ in ids for place in (0, 1)]
        found = scores(texts, base=self._base, adapter=model)
        heard(len(ids), len(ids))
        return {id_: (found[2 * at], found[2 * at + 1]) for at, id_ in enumerate(ids)}


class CachedRewards:
    """The layers above cached states, with LoRA and a head: -log σ(r(better) - r(worse)), centred as TRL does."""

    def __init__(self, states: States, training: Training) -> None:
        self._states, self._training = states, training

    def _reward(self, model: Any, head: Any, texts: Sequence[tuple[str, int]]) -> Any:
        """The head's output at the last token of each text, padded together on the right."""
        import torch

        states = [self._states.of(*text) for text in texts]
        lengths = torch.tensor([len(each) for each in states])
        padded = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        mask = (torch.arange(padded.shape[1])[None] < lengths[:, None]).long()
        out = model(inputs_embeds=padded, attention_mask=mask).last_hidden_state
        return head(out[torch.arange(len(states)), lengths - 1])[:, 0]

    @staged("training", method="reward_model on cached states")
    def train(
        self, labelled: Labelled, *, out: Path, epochs: float, start: Path | None, seed: int, progress: Steps
    ) -> None:
        """As `RewardModel.train`."""
        import torch
        from safetensors.torch import save_file
        from transformers import get_linear_schedule_with_warmup

        if out.is_dir():
            return
        told = self._training
        model, head = upper_model(self._states.base, self._states.layers, start, seed, told.lora, trained=True)
        weights = [each for each in [*model.parameters(), *head.parameters()] if each.requires_grad]
        rows = sorted(labelled)
        steps = max(1, round(epochs * len(rows) / told.batch))
        optimizer = torch.optim.AdamW(weights, lr=told.learning_rate, weight_decay=0.0)
        rate = get_linear_schedule_with_warmup(optimizer, round(0.1 * steps), steps)
        chance = random.Random(seed)
        waiting: list[tuple[str, int]] = []
        for step in range(1, steps + 1):
            while len(waiting) < min(told.batch, len(rows)):
                waiting += chance.sample(rows, len(rows))
            batch, waiting = waiting[: told.batch], waiting[told.batch :]
            total = 0.0
            for part in self._micro(batch):
                found = self._reward(model, head, [(id_, p) for id_, b in part for p in (b, 1 - b)])
                better, worse = found[0::2], found[1::2]
                loss = (
                    -torch.nn.functional.logsigmoid(better - worse) + told.centre * (better + worse) ** 2
                ).sum() / len(batch)
                loss.backward()
                total += float(loss.detach())
            if total != total:
                raise UserError(f"the loss of step {step} is no number: take a lower --learning-rate")
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            rate.step()
            optimizer.zero_grad()
            progress(step, steps, total)
        partial = out.with_name(out.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        model.save_pretrained(partial)
        save_file(head.state_dict(), partial / HEAD)
        note = {"base": str(self._states.base), "cached_layers": self._states.layers, "pairs": len(rows)}
        (partial / "provenance.json").write_text(json.dumps(note | {"config": told.model_dump(mode="json")}) + "\n")
        partial.rename(out)

    def _micro(self, batch: Labelled) -> list[Labelled]:
        """Parts of a step that stay below the bound of tokens, each padded to its longest text."""
        parts: list[list[tuple[str, int]]] = [[]]
        longest = 0
        for row in sorted(batch, key=lambda row: self._states.length(row[0])):
            longest = max(longest, self._states.length(row[0]))
            if parts[-1] and 2 * (len(parts[-1]) + 1) * longest > self._training.micro_tokens:
                parts.append([])
                longest = self._states.length(row[0])
            parts[-1].append(row)
        return list(parts)

    def rewards(self, ids: Sequence[str], model: Path, heard: Heard) -> dict[str, tuple[float, float]]:
        """As `RewardModel.rewards`."""
        import torch

        states = self._states
        loaded, head = upper_model(states.base, states.layers, model, 0, self._training.lora, trained=False)
        found: dict[str, tuple[float, float]] = {}
        rows = [(id_, 0) for id_ in sorted(ids)]
        with torch.inference_mode():
            for start in range(0, len(rows), 64):
                for part in self._micro(rows[start : start + 64]):
                    values = self._reward(loaded, head, [(id_, p) for id_, _ in part for p in (0, 1)]).tolist()
                    found |= {id_: (values[2 * at], values[2 * at + 1]) for at, (id_, _) in enumerate(part)}
                heard(min(start + 64, len(rows)), len(rows))
        return found


def upper_model(
    base: Path, layers: int, start: Path | None, seed: int, lora: Lora, *, trained: bool
) -> tuple[Any, Any]:
    """The layers above the `layers` lower ones with LoRA, and the head: a new one, or what `start` holds."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model
    from safetensors.torch import load_file

    torch.manual_seed(seed)
    with quiet():
        upper = parted(base, layers, lower=False)
        # States go in behind it, and a vocabulary is most of a small model.
        upper.embed_tokens = torch.nn.Identity()
        head = torch.nn.Linear(upper.config.hidden_size, 1, bias=False)
        torch.nn.init.normal_(head.weight, std=0.02)
        if start is None:
            shape = LoraConfig(
                r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules="all-linear"
            )
            model: Any = get_peft_model(upper, shape)
        else:
            model = PeftModel.from_pretrained(upper, str(start), is_trainable=trained)
            head.load_state_dict(load_file(start / HEAD))
    return model.train(trained), head
