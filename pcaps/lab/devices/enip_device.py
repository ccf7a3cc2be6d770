"""An EtherNet/IP device: enip_device.py MODEL SERIAL_NUMBER [TAG…]. Stack: cpppo."""
import pathlib
import sys

from cpppo.server.enip.main import main

# model: identity object's vendor, device type, product code, revision (minor, major), name
MODELS = {
    "compactlogix": (1, 14, 107, 0x0B1E, "1769-L33ER/A LOGIX5333ER"),
    "festo-cpx": (26, 12, 19215, 0x1401, "CPX-FB36"),
    "in-sight": (678, 100, 2560, 0x0306, "In-Sight 7802"),
}
vendor, kind, code, revision, name = MODELS[sys.argv[1]]
config = pathlib.Path("/run/enip.cfg")
config.write_text(f"[Identity]\nVendor Number = {vendor}\nDevice Type = {kind}\nProduct Code Number = {code}\n"
                  f"Product Revision = {revision}\nStatus Word = 48\nSerial Number = {int(sys.argv[2], 0)}\nProduct Name = {name}\nState = 3\n")
sys.exit(main(["-c", str(config), "-a", "0.0.0.0:44818", *(sys.argv[3:] or ["SPEED=INT[10]", "RECIPE=DINT[4]"])]))
