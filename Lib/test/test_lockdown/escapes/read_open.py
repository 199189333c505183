"""open() reads a file.

Known from: every CTF jail's end
Effect: read
"""
answer = open("canary").read()
