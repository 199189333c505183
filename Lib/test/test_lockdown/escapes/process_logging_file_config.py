"""A file of logging's configuration is evaluated.

Known from: the warning in the manual of logging.config.fileConfig()
Effect: made
"""
import configparser
import logging.config

parser = configparser.RawConfigParser()
parser.read_string("[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\nkeys=\n"
                   "[logger_root]\nhandlers=h\n"
                   "[handler_h]\nclass=StreamHandler\nargs=(__import__('os').system(': > made'),)")
logging.config.fileConfig(parser)
