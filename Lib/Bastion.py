from rexec import Bastion, BastionClass  # noqa: F401  The old name of what rexec has now
