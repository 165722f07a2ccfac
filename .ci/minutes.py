"""Print the minutes of tests by folder, from the JUnit files that pytest wrote: `minutes.py FILE…`."""

from __future__ import annotations

import sys
from collections import Counter
from xml.etree import ElementTree

seconds: Counter[str] = Counter()
for file in sys.argv[1:]:
    for case in ElementTree.parse(file).iter("testcase"):  # noqa: S314  # our own pytest wrote it
        folders = [part for part in case.get("classname", "").split(".") if part.islower()]
        seconds["/".join(folders[:-1])] += float(case.get("time", 0))
print("minutes of tests by folder, the processes side by side added up")
for folder, spent in seconds.most_common():
    print(f"{spent / 60:7.1f}  {folder}")
print(f"{seconds.total() / 60:7.1f}  all")
