"""An external entity of XML is an address of the network.

Known from: XXE; the manual's list of XML vulnerabilities
Effect: connected
Given: port
"""
import io
import xml.sax

parser = xml.sax.make_parser()
parser.setFeature(xml.sax.handler.feature_external_ges, True)
parser.parse(io.StringIO(f"<!DOCTYPE a [<!ENTITY e SYSTEM 'http://127.0.0.1:{port}/'>]><a>&e;</a>"))
