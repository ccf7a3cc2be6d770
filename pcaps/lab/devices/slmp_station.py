"""An SLMP client. Stack: pymcprotocol."""
import pymcprotocol

link = pymcprotocol.Type3E()
link.connect("10.77.0.25", 5007)
print(link.read_cputype())
for _ in range(10):
    link.batchread_wordunits(headdevice="D100", readsize=3)
link.batchwrite_wordunits(headdevice="D200", values=[1, 2])
link.close()
