#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""junit-counts.py XML SKIPS FAILS: print "passed failed skipped" of a pytest run; write the skips with their reasons
and the names of what failed to the two files, one a line. Status 1 if the file tells of no test."""
import sys
import xml.etree.ElementTree

try:
    cases = list(xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"))
except (OSError, xml.etree.ElementTree.ParseError):
    cases = []
failed, skipped = {}, []
for c in cases:
    name = "%s::%s" % (c.get("classname", "").split(".")[-1], c.get("name"))
    skip = c.find("skipped")
    if c.find("failure") is not None or c.find("error") is not None:
        failed[name] = None
    elif skip is not None:
        skipped.append("%s: %s" % (name, (skip.get("message") or "").replace("\n", " ")))
with open(sys.argv[2], "w", encoding="utf-8") as f:
    f.writelines(s + "\n" for s in skipped)
with open(sys.argv[3], "w", encoding="utf-8") as f:
    f.writelines(s + "\n" for s in failed)
# A test whose teardown failed has two entries; it counts once, as failed.
names = {"%s::%s" % (c.get("classname", "").split(".")[-1], c.get("name")) for c in cases}
print(len(names) - len(failed) - len(skipped), len(failed), len(skipped))
sys.exit(0 if cases else 1)
