"""urllib sends what it likes in a request.

Known from: server-side request forgery; programs of models that fetch
Effect: connected
Given: port
"""
import urllib.request

urllib.request.urlopen(f"http://127.0.0.1:{port}/secret")
