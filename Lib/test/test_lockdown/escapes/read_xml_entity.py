"""An external entity of XML is a file.

Known from: XXE; the manual's list of XML vulnerabilities
Effect: read
"""
import io
import xml.sax

parser = xml.sax.make_parser()
parser.setFeature(xml.sax.handler.feature_external_ges, True)
seen = []
handler = xml.sax.ContentHandler()
handler.characters = seen.append
parser.setContentHandler(handler)
parser.parse(io.StringIO("<!DOCTYPE a [<!ENTITY e SYSTEM 'canary'>]><a>&e;</a>"))
answer = seen
