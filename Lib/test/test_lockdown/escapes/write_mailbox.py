"""A mailbox is a file.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import mailbox

mailbox.Maildir("made")
