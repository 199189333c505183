"""A handler of logging sends records.

Known from: CTF jails that guard the module socket; logging.config
Effect: connected
Given: port
"""
import logging.handlers

handler = logging.handlers.SocketHandler("127.0.0.1", port)
handler.emit(logging.makeLogRecord({"msg": "secret"}))
