"""Hands each connection on port 23 to telnetd, which wants to be started by an inetd."""
import socket
import subprocess

listener = socket.create_server(("0.0.0.0", 23))
while True:
    connection, _ = listener.accept()
    subprocess.Popen(["/usr/sbin/telnetd", "-h"], stdin=connection, stdout=connection, stderr=subprocess.DEVNULL)
    connection.close()
