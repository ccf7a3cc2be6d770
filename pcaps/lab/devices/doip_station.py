"""A vehicle tester: doip_station.py HOST. Stack: doipclient."""
import sys

from doipclient import DoIPClient

try:
    print(DoIPClient.get_entity(sys.argv[1]))
except Exception as problem:
    print(problem)
tester = DoIPClient(sys.argv[1], 0x1001, client_logical_address=0x0E00)
for request in ("1003", "22f190", "22f187"):
    tester.send_diagnostic(bytes.fromhex(request))
    print(tester.receive_diagnostic(timeout=3).hex())
try:
    print(tester.request_entity_status(), tester.request_diagnostic_power_mode())
except Exception as problem:
    print(problem)
tester.close()
