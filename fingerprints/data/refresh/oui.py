#!/usr/bin/env python3
"""Writes oui.tsv from the five CSV listings of the IEEE Registration Authority.

usage: oui.py FOLDER SOURCE-TEXT DATE > ../oui.tsv

FOLDER holds oui.csv (MA-L), oui28.csv or mam.csv (MA-M), oui36.csv (MA-S), cid.csv and iab.csv;
the crate oui-data ships them in its folder data/. SOURCE-TEXT and DATE go into the head.
"""
import csv
import os
import re
import sys


def main():
    folder, source, date = sys.argv[1:4]
    names = {}
    for alternatives in (["oui.csv"], ["oui28.csv", "mam.csv"], ["oui36.csv"], ["cid.csv"], ["iab.csv"]):
        path = next(p for p in (os.path.join(folder, a) for a in alternatives) if os.path.exists(p))
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                key = row["Assignment"].strip().upper()
                name = re.sub(r"\s+", " ", row["Organization Name"]).strip()
                if not re.fullmatch("[0-9A-F]{6}|[0-9A-F]{7}|[0-9A-F]{9}", key):
                    sys.exit(f"{path}: odd prefix {key!r}")
                # A block that is not public, or one that is only handed on in smaller blocks, names no maker.
                if name.lower() in ("", "private", "ieee registration authority"):
                    continue
                known = names.setdefault(key, [])
                if name not in known:
                    known.append(name)
    print("# Organisations of MAC address prefixes: IEEE MA-L (6 hex digits), MA-M (7), MA-S and IAB (9), CID (6).")
    print(f"# source: {source}")
    print(f"# date: {date}")
    print("# licence: factual registry data published by the IEEE Registration Authority; the crate oui-data that packages it is MIT")
    print("# refresh: refresh/oui.py FOLDER SOURCE DATE > oui.tsv (see README.md)")
    print("# columns: prefix (upper-case hex) <TAB> organisation as registered; in byte order of the prefix.")
    print('# left out: prefixes registered as "Private", and blocks of "IEEE Registration Authority" itself (handed on in smaller blocks)')
    print('# a prefix that the registry lists for several organisations has them joined by " / "')
    print(f"# rows: {len(names)}")
    for key in sorted(names):
        print(f"{key}\t{' / '.join(names[key])}")


main()
