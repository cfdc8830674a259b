"""What is wrong with the configuration, said so that an operator can mend it."""


class ConfigurationError(Exception):
    """A setting or policy value that Doorward refuses to start or work with.

    Attributes:
        name: The setting as the operator wrote it, e.g. ``DOORWARD_PORT`` or ``codes.ttl``.
        value: What was given, already masked where it is a secret.
        rule: The rule it breaks, as a sentence without a full stop.
    """

    def __init__(self, name: str, value: str, rule: str) -> None:
        super().__init__(name, value, rule)
        self.name = name
        self.value = value
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.name}={self.value!r}: {self.rule}"
