"""The process writes to its own memory by /proc.

Known from: PEP 578 bypasses (/proc/self/mem); CTF jails on Linux
Effect: crash
Given: target
"""
import os

memory = os.open("/proc/self/mem", os.O_RDWR)
os.pwrite(memory, b"\xff" * 16, id(type(target)))
os.pwrite(memory, b"\xff" * 64, id(target))
target.attribute
