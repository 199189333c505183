"""open() makes a file.

Known from: every CTF jail's end
Effect: made
"""
open("made", "w").close()
