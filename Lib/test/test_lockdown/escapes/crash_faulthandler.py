"""faulthandler ends the process on purpose.

Known from: functions for tests that a release has
Effect: crash
"""
import faulthandler

faulthandler._sigsegv()
