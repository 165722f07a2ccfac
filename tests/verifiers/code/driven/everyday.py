"""Five everyday driven tasks: each with a right reference and wrong variants that plain execution rejects."""

from __future__ import annotations

from typing import Any, NamedTuple

from gristmill.verifiers import Task

__all__ = ["TASKS", "Everyday"]


class Everyday(NamedTuple):
    """One task: what drives and what judges, its cases, a right solution, wrong ones by name."""

    drive: str
    judge: str
    cases: list[dict[str, Any]]
    right: str
    wrong: dict[str, str]

    def task(self, name: str, **more: Any) -> Task:
        """The task, with its tests hidden."""
        test = {"type": "driven", "drive": self.drive, "judge": self.judge, "cases": self.cases}
        return Task(id=name, kind="code", prompt=name, tests=[test], reference=self.right, **more)


DATABASE = Everyday(
    drive="""
import sqlite3

def drive(solution, case):
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.execute("create table orders (id integer primary key, customer text, cents integer)")
    connection.executemany("insert into orders (customer, cents) values (?, ?)", case["orders"])
    first = solution.totals(connection)
    solution.refund(connection, case["refund"])
    return {"before": first, "after": solution.totals(connection),
            "left": connection.execute("select id, cents from orders order by id").fetchall()}
""",
    judge="""
def judge(values, case):
    expected = case["expected"]
    assert values["before"] == expected["before"]
    assert values["after"] == expected["after"]
    assert [list(row) for row in values["left"]] == expected["left"], "what is left"
""",
    cases=[
        {
            "given": {"orders": [["ann", 1250], ["bob", 300], ["ann", 705]], "refund": "ann"},
            "expected": {
                "before": {"ann": 1955, "bob": 300},
                "after": {"ann": 1250, "bob": 300},
                "left": [[1, 1250], [2, 300]],
            },
        },
        {
            "given": {"orders": [["o'hara", 99], ["zoe", 1]], "refund": "o'hara"},
            "expected": {"before": {"o'hara": 99, "zoe": 1}, "after": {"zoe": 1}, "left": [[2, 1]]},
        },
    ],
    right="""
def totals(connection):
    rows = connection.execute("select customer, sum(cents) from orders group by customer")
    return {row[0]: row[1] for row in rows}

def refund(connection, customer):
    connection.execute("delete from orders where id = (select max(id) from orders where customer = ?)", (customer,))
""",
    wrong={
        "formats the name into the statement": """
def totals(connection):
    return {row[0]: row[1] for row in connection.execute("select customer, sum(cents) from orders group by customer")}

def refund(connection, customer):
    connection.execute(f"delete from orders where id = (select max(id) from orders where customer = '{customer}')")
""",
        "refunds all orders": """
def totals(connection):
    return {row[0]: row[1] for row in connection.execute("select customer, sum(cents) from orders group by customer")}

def refund(connection, customer):
    connection.execute("delete from orders where customer = ?", (customer,))
""",
        "counts instead of adding up": """
def totals(connection):
    return {row[0]: row[1] for row in connection.execute("select customer, count(*) from orders group by customer")}

def refund(connection, customer):
    connection.execute("delete from orders where id = (select max(id) from orders where customer = ?)", (customer,))
""",
    },
)

FILES = Everyday(
    drive="""
import tempfile
from pathlib import Path

def drive(solution, case):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in case["files"].items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        counts = solution.count_words(root)
        report = root / "report.txt"
        solution.write_report(counts, report)
        missing = None
        try:
            solution.count_words(root / "nowhere")
        except Exception as error:
            missing = error
        return {"counts": {str(path.relative_to(root)): number for path, number in counts.items()},
                "report": report.read_text(), "missing": missing and type(missing).__name__}
""",
    judge="""
def judge(values, case):
    expected = case["expected"]
    assert values["counts"] == expected["counts"]
    assert values["report"].splitlines() == expected["report"]
    assert values["missing"] == "NotADirectoryError"
""",
    cases=[
        {
            "given": {"files": {"a.txt": "one two  three\n", "deep/b.txt": "four", "c.md": "not counted"}},
            "expected": {"counts": {"a.txt": 3, "deep/b.txt": 1}, "report": ["a.txt: 3", "b.txt: 1", "total: 4"]},
        },
        {"given": {"files": {"z.txt": ""}}, "expected": {"counts": {"z.txt": 0}, "report": ["z.txt: 0", "total: 0"]}},
    ],
    right="""
from pathlib import Path

def count_words(folder):
    if not Path(folder).is_dir():
        raise NotADirectoryError(str(folder))
    return {path: len(path.read_text().split()) for path in sorted(Path(folder).rglob("*.txt"))}

def write_report(counts, path):
    lines = [f"{each.name}: {number}" for each, number in counts.items()]
    path.write_text("\\n".join([*lines, f"total: {sum(counts.values())}"]) + "\\n")
""",
    wrong={
        "looks into one folder only": """
from pathlib import Path

def count_words(folder):
    if not Path(folder).is_dir():
        raise NotADirectoryError(str(folder))
    return {path: len(path.read_text().split()) for path in sorted(Path(folder).glob("*.txt"))}

def write_report(counts, path):
    lines = [f"{each.name}: {number}" for each, number in counts.items()]
    path.write_text("\\n".join([*lines, f"total: {sum(counts.values())}"]) + "\\n")
""",
        "splits at single blanks": """
from pathlib import Path

def count_words(folder):
    if not Path(folder).is_dir():
        raise NotADirectoryError(str(folder))
    return {path: len(path.read_text().split(" ")) for path in sorted(Path(folder).rglob("*.txt"))}

def write_report(counts, path):
    lines = [f"{each.name}: {number}" for each, number in counts.items()]
    path.write_text("\\n".join([*lines, f"total: {sum(counts.values())}"]) + "\\n")
""",
        "finds nothing where nothing is": """
from pathlib import Path

def count_words(folder):
    return {path: len(path.read_text().split()) for path in sorted(Path(folder).rglob("*.txt"))}

def write_report(counts, path):
    lines = [f"{each.name}: {number}" for each, number in counts.items()]
    path.write_text("\\n".join([*lines, f"total: {sum(counts.values())}"]) + "\\n")
""",
    },
)

CALLBACKS = Everyday(
    drive="""
import asyncio

async def drive(solution, case):
    running = most = 0
    done = []

    async def fetch(name):
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(case["steps"][name]):
            await asyncio.sleep(0)
        running -= 1
        done.append(name)
        if name in case["broken"]:
            raise ConnectionError(name)
        return name.upper()

    found = await solution.gather_all(list(case["steps"]), fetch, limit=case["limit"])
    return {"found": found, "most": most, "done": sorted(done)}
""",
    judge="""
def judge(values, case):
    assert values["found"] == case["expected"]
    assert values["most"] == min(case["limit"], len(case["steps"]))
    assert values["done"] == sorted(case["steps"])
""",
    cases=[
        {
            "given": {"steps": {"a": 5, "b": 1, "c": 3, "d": 2}, "broken": ["b"], "limit": 2},
            "expected": {"a": "A", "b": None, "c": "C", "d": "D"},
        },
        {"given": {"steps": {"x": 1, "y": 1}, "broken": [], "limit": 9}, "expected": {"x": "X", "y": "Y"}},
    ],
    right="""
import asyncio

async def gather_all(names, fetch, limit):
    gate = asyncio.Semaphore(limit)

    async def one(name):
        async with gate:
            try:
                return await fetch(name)
            except ConnectionError:
                return None

    return dict(zip(names, await asyncio.gather(*map(one, names))))
""",
    wrong={
        "fetches one after another": """
async def gather_all(names, fetch, limit):
    found = {}
    for name in names:
        try:
            found[name] = await fetch(name)
        except ConnectionError:
            found[name] = None
    return found
""",
        "knows no limit": """
import asyncio

async def gather_all(names, fetch, limit):
    found = await asyncio.gather(*map(fetch, names), return_exceptions=True)
    return {name: None if isinstance(each, Exception) else each for name, each in zip(names, found)}
""",
        "leaves out what is broken": """
import asyncio

async def gather_all(names, fetch, limit):
    gate = asyncio.Semaphore(limit)

    async def one(name):
        async with gate:
            return await fetch(name)

    found = await asyncio.gather(*map(one, names), return_exceptions=True)
    return {name: each for name, each in zip(names, found) if not isinstance(each, Exception)}
""",
    },
)

CLIENT = Everyday(
    drive="""
from unittest.mock import Mock, call

def drive(solution, case):
    client = Mock()
    client.get.side_effect = [{"items": page, "next": number + 1 if number + 1 < len(case["pages"]) else None}
                              for number, page in enumerate(case["pages"])]
    found = solution.fetch_all(client, case["path"])
    return {"found": found, "calls": client.get.call_args_list, "closed": client.close.call_count}
""",
    judge="""
def judge(values, case):
    assert values["found"] == [item for page in case["pages"] for item in page]
    assert values["calls"] == [((case["path"],), {"page": number}) for number in range(len(case["pages"]))]
    assert values["closed"] == 1
""",
    cases=[{"given": {"path": "/items", "pages": [[3, 1], [2], [9]]}}, {"given": {"path": "/", "pages": [["only"]]}}],
    right="""
def fetch_all(client, path):
    found, page = [], 0
    try:
        while page is not None:
            answer = client.get(path, page=page)
            found += answer["items"]
            page = answer["next"]
    finally:
        client.close()
    return found
""",
    wrong={
        "reads the first page": """
def fetch_all(client, path):
    try:
        return client.get(path, page=0)["items"]
    finally:
        client.close()
""",
        "forgets to close": """
def fetch_all(client, path):
    found, page = [], 0
    while page is not None:
        answer = client.get(path, page=page)
        found += answer["items"]
        page = answer["next"]
    return found
""",
        "passes the page by place": """
def fetch_all(client, path):
    found, page = [], 0
    while page is not None:
        answer = client.get(path, page)
        found += answer["items"]
        page = answer["next"]
    client.close()
    return found
""",
    },
)

CLASSES = Everyday(
    drive="""
def drive(solution, case):
    cart = solution.Cart()
    for name, price, count in case["lines"]:
        cart.add(solution.Item(name, price), count)
    wrong = None
    try:
        cart.add(solution.Item("wrong", 1), 0)
    except ValueError as error:
        wrong = error
    return {"lines": cart.lines, "total": cart.total(), "equal": [solution.Item("a", 2), solution.Item("a", 2)],
            "raised": wrong is not None, "cheapest": cart.cheapest()}
""",
    judge="""
def judge(values, case):
    expected = case["expected"]
    assert values["total"] == expected["total"]
    assert values["lines"] == [[{"name": name, "price": price}, count] for name, price, count in expected["lines"]]
    assert values["cheapest"] == expected["cheapest"]
    assert values["raised"]
""",
    cases=[
        {
            "given": {"lines": [["pen", 250, 2], ["ink", 900, 1], ["pen", 250, 3]]},
            "expected": {
                "total": 2150,
                "lines": [["pen", 250, 5], ["ink", 900, 1]],
                "cheapest": {"name": "pen", "price": 250},
            },
        },
        {
            "given": {"lines": [["cup", 1200, 1]]},
            "expected": {"total": 1200, "lines": [["cup", 1200, 1]], "cheapest": {"name": "cup", "price": 1200}},
        },
    ],
    right="""
from dataclasses import dataclass, field

@dataclass(frozen=True)
class Item:
    name: str
    price: int

@dataclass
class Cart:
    lines: list = field(default_factory=list)

    def add(self, item, count):
        if count < 1:
            raise ValueError(count)
        for line in self.lines:
            if line[0] == item:
                line[1] += count
                return
        self.lines.append([item, count])

    def total(self):
        return sum(item.price * count for item, count in self.lines)

    def cheapest(self):
        return min((item for item, _ in self.lines), key=lambda item: item.price)
""",
    wrong={
        "keeps equal items apart": """
from dataclasses import dataclass, field

@dataclass
class Item:
    name: str
    price: int

@dataclass
class Cart:
    lines: list = field(default_factory=list)

    def add(self, item, count):
        if count < 1:
            raise ValueError(count)
        self.lines.append([item, count])

    def total(self):
        return sum(item.price * count for item, count in self.lines)

    def cheapest(self):
        return min((item for item, _ in self.lines), key=lambda item: item.price)
""",
        "takes no count for one": """
from dataclasses import dataclass, field

@dataclass(frozen=True)
class Item:
    name: str
    price: int

@dataclass
class Cart:
    lines: list = field(default_factory=list)

    def add(self, item, count):
        for line in self.lines:
            if line[0] == item:
                line[1] += count
                return
        self.lines.append([item, count])

    def total(self):
        return sum(item.price * count for item, count in self.lines)

    def cheapest(self):
        return min((item for item, _ in self.lines), key=lambda item: item.price)
""",
        "equal to everything": """
class Everything:
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
    def __hash__(self):
        return 0

class Item(Everything):
    def __init__(self, name, price):
        pass

class Cart:
    def __init__(self):
        self.lines = Everything()
    def add(self, item, count):
        if count < 1:
            raise ValueError
    def total(self):
        return 0
    def cheapest(self):
        return Everything()
""",
    },
)

TASKS = {"database": DATABASE, "files": FILES, "callbacks": CALLBACKS, "client": CLIENT, "classes": CLASSES}
