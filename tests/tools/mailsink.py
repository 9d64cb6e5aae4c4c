#!/usr/bin/python3
"""
mailsink.py DIRECTORY [PORT [ADDRESS]] - an SMTP server that takes every mail and keeps it.

One file a message: DIRECTORY/NNNNN.eml, the octets as they came, preceded by the envelope in X-Envelope-From and
X-Envelope-To fields. It listens on ADDRESS (127.0.0.1), and DIRECTORY/port holds the port.
"""

import asyncio
import os
import signal
import sys

from aiosmtpd.smtp import SMTP


class Keeper:
    def __init__(self, directory):
        self.directory = directory
        self.taken = 0

    async def handle_DATA(self, _server, _session, envelope):
        self.taken += 1
        head = f"X-Envelope-From: <{envelope.mail_from or ''}>\r\n"
        head += "".join(f"X-Envelope-To: <{to}>\r\n" for to in envelope.rcpt_tos)
        name = os.path.join(self.directory, f"{self.taken:05}.eml")
        with open(name + ".new", "wb") as f:
            f.write(head.encode() + envelope.original_content)
        os.rename(name + ".new", name)  # whoever looks sees whole mails only
        return f"250 2.0.0 kept as {self.taken:05}.eml"


async def main(directory, port=0, address="127.0.0.1"):
    os.makedirs(directory, exist_ok=True)
    keeper = Keeper(directory)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(keeper, hostname="sink.localhost", enable_SMTPUTF8=True, loop=loop), address, int(port))
    with open(os.path.join(directory, "port.new"), "w", encoding="ascii") as f:
        f.write(str(server.sockets[0].getsockname()[1]))
    os.rename(os.path.join(directory, "port.new"), os.path.join(directory, "port"))
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__.strip())
    asyncio.run(main(*sys.argv[1:]))
