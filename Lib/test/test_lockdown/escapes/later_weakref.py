"""A callback runs when an object is gone.

Known from: sandboxes that watch what is called, not what is called back
Effect: made
Host: import weakref
Host: class Thing: pass
Host: things = [Thing()]
Given: things
"""
import os
import weakref

weakref.finalize(things[0], os.mkdir, "made")
things.clear()
