"""webbrowser runs the program that is the browser.

Known from: CTF jails (the variable BROWSER)
Effect: made
"""
import webbrowser

webbrowser.GenericBrowser(["touch", "%s"]).open("made")
