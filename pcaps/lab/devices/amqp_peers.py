"""AMQP 1.0 between two peers: amqp_peers.py serve | send HOST. Stack: Qpid Proton."""
import sys

from proton import Message
from proton.handlers import MessagingHandler
from proton.reactor import Container


class Peer(MessagingHandler):
    def __init__(self):
        super().__init__()
        self.left = 3

    def on_start(self, event):
        if sys.argv[1] == "serve":
            event.container.listen("0.0.0.0:5672")
        else:
            event.container.create_sender(f"{sys.argv[2]}:5672/telemetry/line3")

    def on_sendable(self, event):
        while event.sender.credit and self.left:
            self.left -= 1
            event.sender.send(Message(id=self.left, subject="temperature", body={"line": "3", "value": 71 + self.left}))

    def on_accepted(self, event):
        if not self.left:
            event.connection.close()

    def on_message(self, event):
        print(event.message.body, flush=True)


container = Container(Peer())
container.container_id = "edge-broker-3" if sys.argv[1] == "serve" else "line3-collector"
container.run()
