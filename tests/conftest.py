"""Fixtures that every room's tests share. A part that is missing is skipped visibly, never faked."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

from tests.forked import Forker

# No timing is asserted: a slow machine is no defect.
hypothesis.settings.register_profile(
    "gristmill", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("gristmill")

ROOT = Path(__file__).resolve().parent.parent


WHOLE = bool(os.environ.get("GRISTMILL_TEST_WHOLE"))
"""Whether all of every corpus is tried, or of the large ones a fixed share."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A hanging test ends, but a slow one has time enough on a machine that is slower by half an order.

    Of rows that are judged on both backends alike, Docker takes a third, and of those marked `third` each backend does,
    unless somebody asked for rows by name. What is marked `whole_on_docker` runs on bubblewrap alone.
    """
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))
    if WHOLE or any("::" in argument for argument in config.args):
        return
    met: Counter[str] = Counter()
    left_out = []
    for item in items:
        given = getattr(item, "callspec", None)
        backend = given.params.get("pool", given.params.get("backend")) if given else None
        if backend == "docker" and item.get_closest_marker("whole_on_docker"):
            left_out.append(item)
            continue
        if given and (
            item.get_closest_marker("third") or (item.get_closest_marker("third_on_docker") and backend == "docker")
        ):
            # Tests that have no rows but one for each backend are the rows of their module.
            one = len(given.params) == 1 and backend is not None
            name = f"{item.nodeid.split('::' if one else '[')[0]} on {backend}"
            # Another place in each three, or one of three columns of a table would be all that is taken.
            if (met[name] + met[name] // 3) % 3:
                left_out.append(item)
            met[name] += 1
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data beside the checkout; users do not have it."""
    folder = Path(os.environ.get("GRISTMILL_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder} (set GRISTMILL_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def every() -> int:
    """One row in so many is tried of a corpus that takes minutes; all of them with GRISTMILL_TEST_WHOLE=1."""
    return 1 if WHOLE else 3


@pytest.fixture(scope="session")
def docker_engine() -> str:
    """Address of a Docker engine that answers."""
    from gristmill.sandbox.backends.engine import connect

    try:
        client = connect(timeout=60)
    except Exception as error:
        _missing(f"no Docker engine answers: {error}", "docker")
    address = str(client.api.base_url)
    client.close()
    return address


@pytest.fixture(scope="session")
def bubblewrap() -> str:
    """Path of a bwrap that can make a sandbox here."""
    from gristmill.sandbox.backends.bubblewrap import BubblewrapFactory, find_bwrap

    try:
        path = find_bwrap()
        BubblewrapFactory().check()
    except Exception as error:
        _missing(f"bubblewrap does not work here: {error}", "bubblewrap")
    return str(path)


@pytest.fixture(scope="session")
def small_model() -> Path:
    """The folder of the small real model, if the set-up has fetched it; tests never download it by themselves."""
    from gristmill.graph.models.local.fetch import NAME, model_cache

    folder = model_cache() / NAME
    if not folder.is_dir():
        _missing(f"the small model is not at {folder}: python -m gristmill.graph.models.local.fetch", "model")
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            _missing(f"{package} is not installed", "model")
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A database's address: GRISTMILL_TEST_POSTGRES, or a server of our own, on a socket, where one is installed."""
    if given := os.environ.get("GRISTMILL_TEST_POSTGRES"):
        yield given
        return
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    initdb, control = (
        shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *map(str, installed[-1:])]))
        for name in ("initdb", "pg_ctl")
    )
    if not (initdb and control):
        _missing("no PostgreSQL: install its server, or set GRISTMILL_TEST_POSTGRES to postgresql://…", "postgresql")
    with tempfile.TemporaryDirectory(prefix="gristmill-postgresql-") as folder:
        user = None
        if os.getuid() == 0:  # the server refuses to run as root
            user = "nobody"
            shutil.chown(folder, user)

        def call(*command: str) -> None:
            done = subprocess.run(
                command,
                cwd="/",
                user=user,
                stdin=subprocess.DEVNULL,
                timeout=300,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert done.returncode == 0, done.stdout

        data = f"{folder}/data"
        call(initdb, "--no-sync", "--auth=trust", "--username=miller", "--encoding=UTF8", "--locale=C", data)
        settings = f"-k {folder} -c listen_addresses= -c fsync=off"
        call(control, "start", "--wait", f"--pgdata={data}", f"--log={folder}/log", f"--options={settings}")
        try:
            yield f"postgresql://miller@/postgres?host={folder}"
        finally:
            call(control, "stop", "--wait", "--mode=immediate", f"--pgdata={data}")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random Llama and a byte tokenizer: a real model that knows nothing."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    ends = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    alphabet = [*ends, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    of_bytes = Tokenizer(models.BPE(vocab={text: at for at, text in enumerate(alphabet)}, merges=[]))
    of_bytes.add_special_tokens(ends)
    of_bytes.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    of_bytes.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=of_bytes, pad_token=ends[0], eos_token=ends[2])
    tokenizer.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(alphabet),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _missing(reason: str, part: str) -> NoReturn:
    """Skip, unless the environment says that this part must be there (as .ci/run does)."""
    if part in os.environ.get("GRISTMILL_REQUIRE", "").split(","):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(params=["docker", "bubblewrap"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each real sandbox backend in turn."""
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    return str(request.param)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that `.gristmill/` lands there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def gristmill_command() -> str:
    """The installed console script."""
    command = shutil.which("gristmill") or str(ROOT / ".venv" / "bin" / "gristmill")
    if not Path(command).exists():
        pytest.skip("the gristmill command is not installed")
    return command


LATER = (
    "gristmill.graph.campaign gristmill.graph.models.resolve gristmill.sandbox.backends.docker "
    "gristmill.sandbox.backends.bubblewrap gristmill.verifiers"
).split()
"""What commands import where they use it."""


@pytest.fixture(scope="session")
def forked_gristmill() -> Iterator[str]:
    """What the console script does, in a process of its own at each call, but without its seconds of imports.

    For tests that wait for its end: those that signal its process, or look at its start, take `gristmill_command`.
    """
    from gristmill.trainers.cli import COMMANDS

    commands = [mount.where.partition(":")[0] for section in COMMANDS.values() for mount in section.values()]
    with Forker("gristmill.trainers.cli:main", *dict.fromkeys(commands), *LATER) as forker:
        yield forker.command
