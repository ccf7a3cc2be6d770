#!/usr/bin/env python3
"""Writes snmp_enterprise.tsv from IANA's registry of Private Enterprise Numbers (its text form).

usage: snmp_enterprise.py enterprise-numbers.txt SOURCE-TEXT > ../snmp_enterprise.tsv

Only number and organisation are taken: never a contact, never an e-mail address.
"""
import re
import sys


def main():
    path, source = sys.argv[1:3]
    date, number, rows = "unknown", None, {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            line = line.rstrip()
            updated = re.match(r"\(last updated (\S+)\)", line)
            if updated:
                date = updated.group(1)
            if re.fullmatch(r"\d+", line):
                number = int(line)
            elif number is not None and re.match(r"  \S", line):
                name = re.sub(r"\s+", " ", line).strip()
                # Organisations only: entries that are an e-mail address or hold no name are left out.
                if name.strip('-"') and name.lower() not in ("none", "unassigned", "reserved", "private") \
                        and not re.search(r"[\w.+-]+[@&][\w-]+\.\w", name):
                    rows[number] = name
                number = None
            elif line.strip():
                if not line.startswith("    "):
                    number = None
    print("# Organisations of SNMP enterprise numbers (the number after 1.3.6.1.4.1).")
    print(f"# source: {source}")
    print(f"# date: {date} (as the registry's file says)")
    print("# licence: IANA protocol registry data, CC0 1.0 (no contacts are taken)")
    print("# refresh: refresh/snmp_enterprise.py enterprise-numbers.txt SOURCE > snmp_enterprise.tsv (see README.md)")
    print("# columns: enterprise number (decimal) <TAB> organisation as registered; in numeric order")
    print(f"# rows: {len(rows)}")
    for key in sorted(rows):
        print(f"{key}\t{rows[key]}")


main()
