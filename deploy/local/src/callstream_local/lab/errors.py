"""What is wrong with what somebody gave the lab."""


class LabError(ValueError):
    """The message names the field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
