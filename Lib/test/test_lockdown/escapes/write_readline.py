"""readline writes its history to a file, with no event for hooks.

Known from: PEP 578 bypasses (readline.write_history_file)
Effect: made
"""
import readline

readline.write_history_file("made")
