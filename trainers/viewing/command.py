"""The command `view`, with the views of all rooms. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from contextlib import nullcontext

from gristmill.graph.commands.options import Workspace
from gristmill.graph.commands.viewing.command import PORT, AllowHost, Host, Port, Token, show_views
from gristmill.graph.commands.viewing.recorded import Demo, demo_workspace
from gristmill.graph.commands.viewing.still import Bundle, Only, Public, bundle_views

__all__ = ["view"]


def view(
    host: Host = "127.0.0.1",
    port: Port = PORT,
    allow_host: AllowHost = None,
    token: Token = None,
    bundle: Bundle = None,
    only: Only = None,
    public: Public = False,
    demo: Demo = False,
    workspace: Workspace = ".",
) -> None:
    """Open a page on what a workspace holds, in the browser, while runs go on or after them.

    It shows runs, their tasks and every hypothesis with its prompt, reply, difference, verdict and evidence, and
    follows a run as it goes on. Requests of the mailbox are answered there, with the token of the printed address; it
    writes nothing else. What models and tasks wrote is shown as text, and no script of theirs runs; it works without a
    network. It listens on this machine alone, unless --host says otherwise: then a token is asked for, which the
    printed address has in it. --bundle writes the same pages as files instead, which need no server; --demo shows a
    search that comes with gristmill.

    \b
    Examples:
      gristmill view
      gristmill view --workspace work --port 0
      gristmill view --host 0.0.0.0
      gristmill view --allow-host mill.example.org
      gristmill view --bundle report --only night
      gristmill view --bundle report --only night --public
      gristmill view --demo
    """
    from gristmill.trainers.viewing.views import VIEWS

    with demo_workspace(workspace) if demo else nullcontext(workspace) as place:
        if bundle is not None or only or public:
            bundle_views(VIEWS, bundle, only or (), place, public=public)
        else:
            show_views(VIEWS, host, port, place, allow_host or (), token, writes=not demo)
