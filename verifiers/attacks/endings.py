"""How a candidate ends a test early, unseen: context managers that swallow, iterators and coroutines that stop."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import FUNCTIONS, JUDGED, Attack, Family

__all__ = ["ATTACKS"]

_ENDINGS = Family.ENDINGS
_READS = """
class Read:
    def __init__(self, *args, **kwargs):
        pass
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None
"""

ATTACKS = (
    Attack(
        "failure-hidden-by-a-generator",
        _ENDINGS,
        JUDGED,
        "is a contextmanager of the standard library whose generator swallows what is thrown into it",
        _READS,
    ).by("""
import contextlib
@contextlib.contextmanager
def answer(*args, **kwargs):
    try:
        yield Read()
    except BaseException:
        pass
"""),
    Attack("failure-hidden-by-suppress", _ENDINGS, JUDGED, "answers with contextlib.suppress of every exception").by("""
import contextlib
def answer(*args, **kwargs):
    return contextlib.suppress(BaseException)
"""),
    Attack(
        "failure-hidden-by-a-truthy-exit",
        _ENDINGS,
        JUDGED,
        "is a context manager whose __exit__ returns something that only counts as true",
        _READS,
    ).by("""
class Opened(Read):
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return ["true"]
def answer(*args, **kwargs):
    return Opened()
"""),
    Attack(
        "failure-turned-into-another",
        _ENDINGS,
        JUDGED,
        "is a context manager whose __exit__ raises the error that the test allows",
        _READS,
    ).by("""
class Opened(Read):
    def __enter__(self):
        return self
    def __exit__(self, *error):
        raise KeyError("closed")
def answer(*args, **kwargs):
    return Opened()
"""),
    Attack(
        "failure-hidden-by-an-async-exit",
        _ENDINGS,
        JUDGED,
        "is an asynchronous context manager whose __aexit__ says True",
        _READS,
    ).by("""
class Opened(Read):
    async def __aenter__(self):
        return self
    async def __aexit__(self, *error):
        return True
def answer(*args, **kwargs):
    return Opened()
"""),
    Attack(
        "failure-hidden-by-a-decorator",
        _ENDINGS,
        JUDGED,
        "is a ContextDecorator, and swallows what the tests' function asserts that it decorates",
    ).by("""
import contextlib
class Opened(contextlib.ContextDecorator):
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return True
def answer(*args, **kwargs):
    return Opened()
"""),
    Attack(
        "iterator-that-has-ended", _ENDINGS, JUDGED, "answers with an ended iterator, so that next() ends a map"
    ).by("""
def answer(*args, **kwargs):
    return (item for item in ())
"""),
    Attack(
        "send-that-ends", _ENDINGS, JUDGED, "is awaitable, and its send ends an expression of the tests unseen"
    ).by("""
class Soon:
    def __await__(self):
        return iter(())
    def send(self, value):
        raise StopIteration
def answer(*args, **kwargs):
    return Soon()
"""),
    Attack(
        "throw-that-ends", _ENDINGS, JUDGED, "is awaitable, and its throw ends an expression of the tests unseen"
    ).by("""
class Soon:
    def __await__(self):
        return iter(())
    def throw(self, *error):
        raise StopIteration
def answer(*args, **kwargs):
    return Soon()
"""),
    Attack("awaitable-and-iterator", _ENDINGS, JUDGED, "is an awaitable that is an iterator too, and has ended").by("""
class Soon:
    def __await__(self):
        return self
    __iter__ = __await__
    def __next__(self):
        raise StopIteration
def answer(*args, **kwargs):
    return Soon()
"""),
    Attack(
        "special-methods-that-end", _ENDINGS, FUNCTIONS, "raises StopIteration from each special method that is asked"
    ).by("""
class Ends:
    def __getitem__(self, *key):
        raise StopIteration
    __len__ = __contains__ = __call__ = __int__ = __float__ = __index__ = __abs__ = __getitem__
    __str__ = __repr__ = __eq__ = __lt__ = __add__ = __sub__ = __getitem__
def answer(*args, **kwargs):
    return Ends()
"""),
    Attack(
        "async-iterator-that-has-ended", _ENDINGS, JUDGED, "answers with an asynchronous iterator that never yields"
    ).by("""
class Ended:
    def __aiter__(self):
        return self
    async def __anext__(self):
        raise StopAsyncIteration
def answer(*args, **kwargs):
    return Ended()
"""),
    Attack("coroutine-that-cancels", _ENDINGS, JUDGED, "cancels the task of the tests that awaits it").by("""
import asyncio
async def answer(*args, **kwargs):
    asyncio.current_task().cancel()
    await asyncio.sleep(0)
"""),
)
