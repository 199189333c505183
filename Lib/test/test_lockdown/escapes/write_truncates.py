"""os.truncate() empties a file.

Known from: PEP 578 bypasses: no event of the name "open" is raised
Effect: written
"""
import os

os.truncate("folder/inner", 0)
