"""An AMQP 0-9-1 client: amqp_station.py HOST USER PASSWORD. Declares a queue, publishes orders and reads them. Stack: pika."""
import sys
import time

import pika

link = pika.BlockingConnection(pika.ConnectionParameters(sys.argv[1], credentials=pika.PlainCredentials(*sys.argv[2:4]),
                                                         client_properties={"connection_name": "mes-line3"}))
channel = link.channel()
channel.queue_declare("orders")
for n in range(4):
    channel.basic_publish("", "orders", b'{"order": %d, "article": "4711"}' % n)
    time.sleep(0.3)
for _ in range(4):
    print(channel.basic_get("orders", auto_ack=True))
link.close()
