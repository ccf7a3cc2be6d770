"""A FINS/UDP client. Stack: fins."""
import fins.udp

link = fins.udp.UDPFinsConnection()
link.connect("10.77.0.24")
link.dest_node_add, link.srce_node_add = 24, 5
print(link.cpu_unit_data_read())
print(link.cpu_unit_status_read())
for _ in range(10):
    link.memory_area_read(fins.FinsPLCMemoryAreas().DATA_MEMORY_WORD, b"\x00\x64\x00", 2)
