"""XInclude reads a file into a tree.

Known from: XXE; xml.etree.ElementInclude
Effect: read
"""
import xml.etree.ElementInclude as include
import xml.etree.ElementTree as tree

root = tree.fromstring("<a xmlns:xi='http://www.w3.org/2001/XInclude'>"
                       "<xi:include href='canary' parse='text'/></a>")
include.include(root)
answer = root.text
