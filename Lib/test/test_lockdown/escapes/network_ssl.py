"""ssl connects to ask for a certificate.

Known from: CTF jails that guard the module socket
Effect: connected
Given: port
"""
import ssl

ssl.get_server_certificate(("127.0.0.1", port))
