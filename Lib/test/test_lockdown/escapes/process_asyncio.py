"""asyncio starts a shell.

Known from: CTF jails that look for words in the text
Effect: made
Without: system popen
"""
import asyncio


async def main():
    await (await asyncio.create_subprocess_shell(": > made")).wait()


asyncio.run(main())
