"""Another process is ended.

Known from: CTF jails beside others (other players' processes)
Effect: killed
Given: victim
"""
import os

os.kill(victim, 9)
