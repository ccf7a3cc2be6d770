"""A vehicle's diagnostic gateway: doip_device.py FOLDER. Stack: doip-server."""
import pathlib
import sys

import yaml
from doip_server.doip_server import start_doip_server

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
service = {"Read_VIN": {"request": "0x22F190", "responses": ["0x62F1905741554E32554132475939303030303137"], "no_response": False},
           "Read_Part_Number": {"request": "0x22F187", "responses": ["0x62F187344D30393037313135412020"], "no_response": False},
           "Session": {"request": "0x1003", "responses": ["0x5003003201F4"], "no_response": False}}
(folder / "services.yaml").write_text(yaml.safe_dump({"common_services": service, "specific_services": {}}))
(folder / "engine.yaml").write_text(yaml.safe_dump({"ecu": {
    "name": "Engine", "target_address": 0x1001, "functional_address": 0x1FFF, "tester_addresses": [0x0E00],
    "uds_services": {"service_files": ["services.yaml"], "common_services": list(service), "specific_services": []}}}))
(folder / "gateway.yaml").write_text(yaml.safe_dump({"gateway": {
    "name": "Gateway", "logical_address": 0x1000, "ecus": ["engine.yaml"], "network": {"host": "0.0.0.0", "port": 13400, "max_connections": 4, "timeout": 30},
    "protocol": {"version": 2, "inverse_version": 0xFD},
    "vehicle": {"vin": "WAUN2UA2GY9000017", "eid": "0013A20041D2", "gid": "0013A20041D2"}}}))
start_doip_server(gateway_config_path=str(folder / "gateway.yaml"))
