"""breakpoint() gives a prompt of the debugger, which runs statements.

Known from: CTF jails that forgot breakpoint()
Effect: made
"""
import io
import pdb

typed = io.StringIO("import os; os.system(': > made')\nc\n")
pdb.Pdb(stdin=typed, stdout=io.StringIO()).set_trace()
done = True
