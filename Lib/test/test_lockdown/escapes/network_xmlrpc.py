"""xmlrpc connects for any attribute that is called.

Known from: CTF jails that guard the module socket
Effect: connected
Given: port
"""
import xmlrpc.client

xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}").method()
