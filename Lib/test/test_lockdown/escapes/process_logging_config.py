"""A configuration of logging names the function that makes a formatter.

Known from: reports on logging.config.dictConfig() with text of others (its "()" key)
Effect: made
"""
import logging.config

logging.config.dictConfig({"version": 1, "formatters": {"f": {"()": "os.system",
                                                              "command": ": > made"}}})
