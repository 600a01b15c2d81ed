"""Network: TCP, UDP, DNS, unix sockets by path and by abstract name."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from backend.sandbox import Sandbox
from tests.sandbox.attack import Attack, hold

pytestmark = pytest.mark.anyio

DENIED = "PermissionError|Operation not permitted|gaierror"

ATTACKS = [
    Attack("connect over TCP", "import socket\nsocket.create_connection(('127.0.0.1', $tcp))\nresult = True", DENIED),
    Attack(
        "fetch over HTTP",
        """
import urllib.request
try:
    urllib.request.urlopen('http://127.0.0.1:%d/' % $tcp, timeout=0.5)
except TimeoutError:
    result = True  # connected; nobody answers""",
        DENIED,
    ),
    Attack("listen", "import socket\nresult = socket.create_server(('127.0.0.1', 0)).getsockname()", DENIED),
    Attack(
        "send over UDP",
        "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\nresult = s.sendto(b'x', ('127.0.0.1', $udp))",
        DENIED,
    ),
    Attack("ask for a name", "import socket\nresult = socket.getaddrinfo('localhost', 80)", DENIED),
    Attack(
        "reach an abstract unix socket",
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect($abstract)\nresult = True",
        DENIED,
    ),
    Attack("make a pair of sockets", "import socket\nresult = len(socket.socketpair())", DENIED),
    Attack(
        "send through the channel with rights",
        "import socket, array\ns = socket.socket(fileno=3)\n"
        "s.sendmsg([b'\\0\\0\\0\\1x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))])\n"
        "s.detach()\nresult = True",
        DENIED,
    ),
    Attack(
        "talk to the kernel over netlink",
        "import socket\nresult = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).fileno()",
        DENIED,
    ),
]


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, object]]:
    """Servers of ours that the control reaches."""
    name = b"\0chainrule-attack"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        udp.bind(("127.0.0.1", 0))
        abstract.bind(name)
        abstract.listen()
        yield {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "abstract": name}


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_no_network(attack: Attack, locked: Sandbox, unlocked: Sandbox, addresses: dict[str, object]) -> None:
    await hold(locked, unlocked, attack, **addresses)
