"""The SDK's way to an engine's socket, mended: a connection that fails leaves no socket open."""

from __future__ import annotations

import socket

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool

__all__ = ["ClosingAdapter"]


class _Connection(UnixHTTPConnection):  # type: ignore[misc]  # the SDK has no types
    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self.unix_socket)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


class _Pool(UnixHTTPConnectionPool):  # type: ignore[misc]  # the SDK has no types
    def _new_conn(self) -> _Connection:
        return _Connection(self.base_url, self.socket_path, self.timeout)


class ClosingAdapter(UnixHTTPAdapter):  # type: ignore[misc]  # the SDK has no types
    """What `DockerClient` sends its requests through, for an engine that may go away."""

    def get_connection(self, url: str, proxies: object = None) -> _Pool:
        """The pool of connections to the engine; its name is the SDK's."""
        with self.pools.lock:
            pool: _Pool | None = self.pools.get(url)
            if pool is None:
                pool = self.pools[url] = _Pool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
        return pool
