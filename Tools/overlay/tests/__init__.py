"""The overlay's own tests, on made-up trees and a server on the loopback interface."""
