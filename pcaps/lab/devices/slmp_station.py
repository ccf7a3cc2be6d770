"""An SLMP client: slmp_station.py HOST [READS] [PAUSE]. Stack: pymcprotocol."""
import sys
import time

import pymcprotocol

link = pymcprotocol.Type3E()
link.connect(sys.argv[1], 5007)
print(link.read_cputype())
for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 10):
    link.batchread_wordunits(headdevice="D100", readsize=3)
    time.sleep(float(sys.argv[3]) if len(sys.argv) > 3 else 0)
link.batchwrite_wordunits(headdevice="D200", values=[1, 2])
link.close()
