"""The text of a weak reference has the address of what it points to.

Known from: CTF jails whose objects have a text of their own
Effect: address
Given: target
"""
import weakref

answer = repr(weakref.ref(target))
