"""urllib has the scheme file:.

Known from: CVE-2019-9948 (local_file:), server-side request forgery
Effect: read
"""
import os
import urllib.request

answer = urllib.request.urlopen("file://" + os.path.abspath("canary")).read()
