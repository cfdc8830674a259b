"""A bucket server in a process of its own (moto); prints its port and waits to be ended."""

import sys

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
print(port, flush=True)  # noqa: T201 - whoever started it reads this
sys.stdin.read()
server.stop()
