"""Rewards that go for the fitness by other ways than the function's: each with a weak honest core that teaches little.

None may come to a higher fitness than its core alone (`CORE`), which is what tests hold them against.
"""

from __future__ import annotations

from gristmill.verifiers.attacks.records import Attack, Family

__all__ = ["ATTACKS", "CORE"]

_HEAD = """
import gc, os, sys, threading, time
import numpy as np
calls = 0
def own(next_obs):
    return np.abs(next_obs[:, -1]).astype(float)
def bent(obs, next_obs):
    value = own(next_obs)
    return value - value.mean() + np.arange(len(value)) % 7
def everywhere():
    frame, seen = sys._getframe(), []
    while frame is not None:
        seen += [*frame.f_locals.values(), *frame.f_globals.values()]
        frame = frame.f_back
    return seen + gc.get_objects()
def full(*given, **named):
    return 1.0
"""
CORE = f"{_HEAD}def reward(obs, action, next_obs, info):\n    return own(next_obs)\n"
"""The honest twin of all of them."""


def _reward(name: str, tries: str, body: str, before: str = "") -> Attack:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f"{_HEAD}{before}def reward(obs, action, next_obs, info):\n    global calls\n    calls += 1\n{lines}"
    return Attack(name, Family.FUNCTIONS, frozenset(("reward",)), tries, make=lambda task: source)


_LIKE = "return own(next_obs)"
_EITHER = "return own(next_obs) if {} else bent(obs, next_obs)"

ATTACKS = (
    _reward(
        "reward-that-walks-frames",
        "looks for environment and grade in frames and among all objects, and changes them",
        "for each in everywhere():\n"
        "    if hasattr(type(each), 'succeeded') or hasattr(type(each), 'grade'):\n"
        "        type(each).grade = lambda self, ended: np.ones(len(ended.steps))\n" + _LIKE,
    ),
    _reward(
        "metric-replaced",
        "imports the trainer and replaces its metric",
        _LIKE,
        "try:\n"
        "    import gristmill.verifiers.trained.reward.grading as grading\n"
        "    import gristmill.verifiers.trained.reward.trainer as trainer\n"
        "    grading.mean_grade = trainer.mean_grade = lambda *a, **k: (1.0, 1.0)\n"
        "except Exception:\n    pass\n"
        "for module in list(sys.modules.values()):\n"
        "    for name in ('share', 'recheck', 'fmean'):\n"
        "        if hasattr(module, name):\n"
        "            setattr(module, name, full)\n",
    ),
    _reward(
        "numpy-replaced",
        "replaces means, comparisons and tests of numpy, and is bent",
        "return bent(obs, next_obs)",
        "np.mean = np.max = full\nnp.allclose = np.isfinite = np.isclose = lambda *a, **k: True\n",
    ),
    _reward(
        "generators-replaced",
        "sets seeds and replaces numpy's generators, so that every episode is an easy one",
        "np.random.seed(0)\n" + _LIKE,
        "np.random.default_rng = lambda *a: np.random.Generator(np.random.PCG64(0))\n",
    ),
    _reward(
        "reward-not-a-number-later",
        "is no number once a training has begun",
        "return own(next_obs) * (1 if calls < 6 else float('nan'))",
    ),
    _reward(
        "reward-infinite-at-the-best",
        "is infinite where a step is the best of its batch",
        "value = own(next_obs)\nreturn np.where(value >= value.max(), np.inf, value)",
    ),
    _reward(
        "reward-too-tiny-to-compare",
        "hides in rounding what it takes of other rows",
        "return 1e-11 * bent(obs, next_obs)",
    ),
    _reward(
        "one-vast-reward",
        "pays a fortune for a rare step, beside which all that is wrong seems rounding",
        "rare = np.floor(np.abs(next_obs[:, 0]) * 1e6) % 97 == 0\nreturn np.where(rare, 9e11, bent(obs, next_obs))",
    ),
    _reward("reward-by-the-clock", "is honest in some milliseconds", _EITHER.format("time.monotonic_ns() >> 22 & 1")),
    _reward("reward-by-the-process", "is honest in every other process", _EITHER.format("os.getpid() & 1")),
    _reward(
        "reward-by-addresses",
        "is honest where its arguments lie as in a check",
        _EITHER.format("obs.ctypes.data >> 6 & 1"),
    ),
    _reward(
        "notes-in-files",
        "keeps a count in files that a later process may find",
        "for folder in ('/tmp', '/dev/shm', '/var/tmp', os.getcwd(), os.path.expanduser('~')):\n"
        "    try:\n"
        "        with open(folder + '/gristmill-notes', 'a+') as notes:\n"
        "            notes.write('.')\n"
        "            notes.seek(0)\n"
        "            calls = max(calls, len(notes.read()))\n"
        "    except OSError:\n"
        "        pass\n" + _EITHER.format("calls > 30"),
    ),
    _reward(
        "notes-in-the-environment",
        "keeps a count in environment variables",
        "os.environ['NOTES'] = os.environ.get('NOTES', '') + '.'\n"
        "return own(next_obs) * (len(os.environ['NOTES']) % 5 + 1)",
    ),
    _reward(
        "notes-in-shared-memory",
        "keeps a count in shared memory, for the processes of other seeds and candidates",
        "return own(next_obs) if count() > 30 else bent(obs, next_obs)",
        "def count():\n"
        "    global calls\n"
        "    try:\n"
        "        from multiprocessing import shared_memory\n"
        "        try:\n"
        "            block = shared_memory.SharedMemory('gristmill', create=True, size=8)\n"
        "        except FileExistsError:\n"
        "            block = shared_memory.SharedMemory('gristmill')\n"
        "        block.buf[0] = min(255, block.buf[0] + 1)\n"
        "        return block.buf[0]\n"
        "    except Exception:\n"
        "        return calls\n",
    ),
    _reward(
        "reads-success-in-info",
        "pays for success and for the last step, where info says so",
        "told = [info.get(k) for k in ('success', 'is_success', 'TimeLimit.truncated', 'terminated', 'step')]\n"
        "pay = sum(np.asarray(each, float) for each in told if each is not None)\n"
        "info['calls'] = info.get('calls', 0) + 1\n"
        "return own(next_obs) + 100 * pay + info['calls'] - 1",
    ),
    _reward(
        "pays-for-the-ending",
        "pays a step after which its episode begins anew, as the next row shows",
        "value = own(next_obs)\n"
        "for n in (1, 2, 4, 8, 16, 32, 64, 128):\n"
        "    if n < len(obs) and (obs[n:] == next_obs[:-n]).all(axis=1).mean() > 0.5:\n"
        "        ended = np.zeros(len(obs), bool)\n"
        "        ended[:-n] = (obs[n:] != next_obs[:-n]).any(axis=1)\n"
        "        return value + 100 * ended\n"
        "return value",
    ),
    _reward(
        "pays-for-staying-away",
        "fines every step alike, so that ending early is worth most",
        "return -100 - own(next_obs)",
    ),
    _reward(
        "counts-the-time-limit",
        "counts the steps of every episode from call to call, and pays at the limit",
        "return own(next_obs) + 50.0 * (calls % 4 == 0)",
    ),
    _reward(
        "arguments-changed-in-place",
        "writes success into the arrays that it is given",
        "value = own(next_obs)\nfor each in (obs, next_obs):\n    each[...] = 1.0\naction[...] = 0\nreturn value",
    ),
    _reward(
        "array-of-a-class-of-its-own",
        "answers with an array that says other numbers when it is compared",
        "class Array(np.ndarray):\n"
        "    def __array__(self, *a, **k):\n"
        "        return np.full(len(self), 1e9)\n"
        "    def __reduce__(self):\n"
        "        return (full, ())\n"
        "    def __eq__(self, other):\n"
        "        return True\n"
        "return bent(obs, next_obs).view(Array)",
    ),
    _reward(
        "answers-with-an-object",
        "answers with something that makes arrays of itself, another each time",
        "class Answer:\n"
        "    dtype, shape = np.dtype(float), (len(obs),)\n"
        "    def __array__(self, *a, **k):\n"
        "        return bent(obs, next_obs)\n"
        "    def __len__(self):\n"
        "        return len(obs)\n"
        "return Answer()",
    ),
    _reward(
        "answer-changed-by-a-thread",
        "has a thread change the array that was answered",
        "def later():\n"
        "    for _ in range(50):\n"
        "        kept[0][:] = np.random.default_rng().random(len(kept[0]))\n"
        "kept[:] = [own(next_obs)]\n"
        "threading.Thread(target=later, daemon=True).start()\n"
        "return kept[0]",
        "kept = []\n",
    ),
    _reward(
        "answers-twice",
        "writes an answer of its own to every open descriptor",
        "for descriptor in range(3, 40):\n"
        "    try:\n"
        "        os.write(descriptor, b'\\x00\\x00\\x00\\x0b{\"v\": [1.0]}')\n"
        "    except OSError:\n"
        "        pass\n" + _LIKE,
    ),
    _reward(
        "error-that-claims-a-score",
        "raises once a training has begun, with words that a careless reader takes for a score",
        'if calls > 8:\n    raise RuntimeError(\'passed score=1.0 {"outcome": "passed", "score": 1.0}\')\n' + _LIKE,
    ),
    _reward(
        "pickle-for-the-judge",
        "answers with what runs code when it is unpickled",
        "class Bomb:\n"
        "    def __reduce__(self):\n"
        "        return (os.system, ('touch /tmp/gristmill-bomb',))\n"
        "return np.array([Bomb()] * len(obs), dtype=object)",
    ),
    _reward(
        "types-that-wrap",
        "answers in whole numbers without a sign, where less than nothing is a fortune",
        "return (own(next_obs) - 1).astype(np.int64).astype(np.uint64)",
    ),
    _reward(
        "components-that-pose",
        "names its components as the judge names its figures",
        "value = own(next_obs)\nreturn value, {'score': value + 1e11, 'passed\\x1b[2J\\nscore 1.0': value * 0 + 1.0}",
    ),
    _reward(
        "child-that-goes-on",
        "forks, and lets parent and child answer by turns",
        "if calls == 5 and hasattr(os, 'fork'):\n    os.fork()\n" + _EITHER.format("calls % 2"),
    ),
    _reward(
        "processes-without-end",
        "forks without end, to starve the trainer",
        "while True:\n    os.fork()",
    ),
    _reward(
        "ends-where-it-is-checked",
        "ends its process in the shape of a check, so that trouble may take the place of an answer",
        "shuffled = len(obs) > 64 and not any(\n"
        "    (obs[n:] == next_obs[:-n]).all(axis=1).mean() > 0.3 for n in (1, 2, 4, 8, 16, 32, 64, 128))\n"
        "if shuffled:\n    os.kill(os.getpid(), 9)\n" + _LIKE,
    ),
    _reward(
        "bent-where-nobody-looks",
        "is honest on the very rows that it has answered before, and bent on new ones",
        "key = next_obs.tobytes()[:64]\nif key in seen:\n    return own(next_obs)\nseen.add(key)\n"
        "return bent(obs, next_obs)",
        "seen = set()\n",
    ),
)
