"""Look for services as a desktop does: zeroconf_browse.py OWN_ADDRESS [TYPE…]. Stack: python zeroconf."""
import sys
import time

from zeroconf import ServiceBrowser, Zeroconf


class Seen:
    def add_service(self, zeroconf, kind, name):
        info = zeroconf.get_service_info(kind, name)
        print(name, info and info.server, info and info.properties)

    def update_service(self, *_):
        pass

    remove_service = update_service


zeroconf = Zeroconf(interfaces=[sys.argv[1]])
ServiceBrowser(zeroconf, [t + ".local." for t in sys.argv[2:] or
                          ("_ipp._tcp", "_googlecast._tcp", "_workstation._tcp", "_http._tcp", "_smb._tcp")], Seen())
time.sleep(4)
zeroconf.close()
