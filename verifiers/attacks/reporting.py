"""What a split test reports of its assertions, forged: by the reporter replaced, by marks, by reports of one's own.

Whoever is fooled takes a report for what the test itself has seen, or the number of reports for the test's.
"""

from __future__ import annotations

from gristmill.verifiers.attacks.beside_drive import taking

__all__ = ["ATTACKS"]

ATTACKS = (
    taking(
        "trace-of-reports",
        "traces the reporter, and rewrites what is reported",
        """
def _trace(frame, event, value):
    if frame.f_code.co_name == "report" and "values" in frame.f_locals:
        frame.f_locals["values"][:] = [True]
    return _trace
sys.settrace(_trace)
""",
    ),
    taking(
        "reports-dropped",
        "replaces the reporter by one that does nothing",
        """
if _reports is not None:
    _reports.report = lambda *given: None
""",
    ),
    taking(
        "reports-replaced",
        "reports what it likes, for each assertion once",
        """
if _reports is not None:
    _reports.report = lambda site, *given: _reports._told.append([site, list(_reports._rows), True, [True]])
""",
    ),
    taking(
        "reports-beforehand",
        "reports for the first assertions before the test does",
        "",
        """
_told = []
def answer(*args, **kwargs):
    if _reports is not None and not _told:
        for site in range(9):
            _told.append(site)
            _reports.report(site, [True])
    return <<nothing>>
""",
    ),
    taking(
        "reports-twice",
        "replaces the reporter by one that reports all twice",
        """
if _reports is not None:
    _real = _reports.report
    _reports.report = lambda *given: (_real(*given), _real(*given))[0]
""",
    ),
    taking(
        "reports-cleared",
        "takes away what was reported, whenever it is called, and all of it in the end",
        """
if _reports is not None:
    _reports.reported = lambda: []
""",
        """
def answer(*args, **kwargs):
    if _reports is not None:
        _reports._told.clear()
    return <<nothing>>
""",
    ),
    taking(
        "reports-reversed",
        "turns the order of what was reported, whenever it is called",
        "",
        """
def answer(*args, **kwargs):
    if _reports is not None:
        _reports._told.reverse()
    return <<nothing>>
""",
    ),
    taking(
        "reports-without-form",
        "reports what is no report, and a hundred thousand that are",
        "",
        """
def answer(*args, **kwargs):
    if _reports is not None:
        _reports._told[:] = [None, *([[site, [], True, [True]] for site in range(9)] * 12000)]
    return <<nothing>>
""",
    ),
    taking(
        "module-of-reports-laid",
        "lays a module of its own under the name of the reporter's",
        """
import types
_laid = types.ModuleType("gristmill_reports")
_laid.report = _laid.expected = lambda *given: None
_laid.play = lambda *given: []
_laid.reported = lambda: []
class _Modules(dict):
    def __setitem__(self, name, module):
        dict.__setitem__(self, name, _laid if name == "gristmill_reports" else module)
sys.modules = _Modules(sys.modules)
sys.modules["gristmill_reports"] = _laid
if _driving is not None:
    _driving.splitting = _laid
    _laid.begin = lambda: None
""",
    ),
    taking(
        "marked-as-a-true-object",
        "answers what reports mark an object with that is true",
        "",
        "\ndef answer(*args, **kwargs):\n    return {'\\0is': 'object', 'parts': [True]}\n",
    ),
    taking(
        "marked-as-any-call",
        "answers what reports mark a call of a mock with, whatever it was called with",
        "",
        "\ndef answer(*args, **kwargs):\n    return {'\\0is': 'call', 'parts': ['', [], {}]}\n",
    ),
    taking(
        "marked-as-nothing-known",
        "answers marks of reports that there are not",
        "",
        "\ndef answer(*args, **kwargs):\n    return {'\\0is': 'exit', 'parts': [{'\\0is': 'dtype', 'parts': ['O']}]}\n",
    ),
)
