"""A pod's loopback as a vantage: streams through the API server's port-forward, one WebSocket each.

It reaches what listens on the pod's (or, with hostNetwork, the node's) loopback; it passes by NetworkPolicies and
sidecars, so what is seen there is not what a neighbour would see. The channel protocol is ``v4.channel.k8s.io``:
the first byte of a message is its channel, 0 for data and 1 for errors, and the first message of each names the port.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import websocket

from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.connection import Broken, NoRoute, Refused, Reset, Stopped, TimedOut
from preaudit.collect.wording import clean

if TYPE_CHECKING:
    from preaudit.collect.kubeconfig import Access

_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_SLICE_SECONDS = 0.25
_MAX_MESSAGE = 1 << 20


@dataclass(frozen=True, slots=True)
class PortForward:
    """Looking through the API server into pods; needs the right to create ``pods/portforward``."""

    access: Access
    stop: threading.Event
    name: str = "port-forward"

    def open(self, place: Place, deadline: float) -> ForwardedConnection:
        """A fresh stream to a port of a pod.

        Raises:
            Broken: the API server does not let us, or did not answer in time.
        """
        access = self.access
        path = f"/api/v1/namespaces/{quote(place.namespace, safe='')}/pods/{quote(place.pod, safe='')}/portforward"
        url = "ws" + access.api_url.removeprefix("http") + f"{path}?ports={place.port}"
        authorization = access.authorization()
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut("timed out")
        try:
            stream = websocket.create_connection(
                url, timeout=left, subprotocols=[_PROTOCOL], suppress_origin=True, redirect_limit=0,
                header=[f"Authorization: {authorization}"] if authorization else [], sslopt=_tls(access),
            )  # fmt: skip
        except websocket.WebSocketBadStatusException as error:
            raise Broken(_refusal(error)) from None
        except (websocket.WebSocketTimeoutException, TimeoutError):
            raise TimedOut("the API server's port-forward timed out") from None
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise NoRoute(f"port-forward: {clean(error, 160)}") from None
        return ForwardedConnection(stream, self.stop)


def _tls(access: Access) -> dict[str, object]:
    options: dict[str, object] = {"ca_certs": access.ca_file} if access.ca_file else {}
    if access.cert_file:
        options |= {"certfile": access.cert_file, "keyfile": access.key_file}
    if not access.verified:
        options |= {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    return options


def _refusal(error: websocket.WebSocketBadStatusException) -> str:
    """What the API server says instead of opening the stream."""
    try:
        said = json.loads(error.resp_body or b"").get("message", "")
    except (ValueError, AttributeError, UnicodeError):
        said = ""
    word = "forbidden" if error.status_code == 403 else f"the API server answered {error.status_code}"
    return clean(f"port-forward: {word}: {said}".removesuffix(": "), 300)


class ForwardedConnection:
    """One forwarded stream; a `preaudit.collect.tls.connection.Connection`.

    Args:
        stream: the open WebSocket; it becomes this object's.
        stop: once set, waits end with `Stopped`.
    """

    def __init__(self, stream: websocket.WebSocket, stop: threading.Event) -> None:
        self._stream = stream
        self._stop = stop
        self._named: set[int] = set()
        self._kept = b""

    def send(self, data: bytes, deadline: float) -> None:
        """See `Connection.send`."""
        self._stream.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            self._stream.send_binary(bytes([_DATA]) + data)
        except (websocket.WebSocketTimeoutException, TimeoutError):
            raise TimedOut("timed out") from None
        except (websocket.WebSocketException, OSError) as error:
            raise Reset(f"port-forward broke: {clean(error, 80)}") from None

    def receive(self, limit: int, deadline: float) -> bytes:
        """See `Connection.receive`."""
        while not self._kept:
            piece = self._message(deadline)
            if piece is None:
                return b""
            self._kept = piece
        found, self._kept = self._kept[:limit], self._kept[limit:]
        return found

    def close(self) -> None:
        """See `Connection.close`."""
        self._stream.shutdown()  # type: ignore[no-untyped-call]

    def _message(self, deadline: float) -> bytes | None:
        """The data of the next message, b"" where it had none; None where the stream ended."""
        while True:
            if self._stop.is_set():
                raise Stopped("the run is being ended")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut("timed out")
            self._stream.settimeout(min(left, _SLICE_SECONDS))
            try:
                opcode, message = self._stream.recv_data()
            except (websocket.WebSocketTimeoutException, TimeoutError):
                continue
            except websocket.WebSocketConnectionClosedException:
                return None
            except (websocket.WebSocketException, OSError) as error:
                raise Reset(f"port-forward broke: {clean(error, 80)}") from None
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return None
            return self._data_of(message)

    def _data_of(self, message: bytes) -> bytes:
        if not message or len(message) > _MAX_MESSAGE or message[0] not in {_DATA, _ERROR}:
            raise Reset("port-forward: a message that the protocol does not have")
        channel, content = message[0], message[1:]
        if channel not in self._named:
            self._named.add(channel)
            content = content[2:]
        if channel == _ERROR and content:
            said = clean(content.decode("utf-8", "replace"), 200)
            raise (Refused if "refused" in said else Reset)(f"port-forward: {said}")
        return content if channel == _DATA else b""
