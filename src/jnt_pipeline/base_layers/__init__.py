"""Base layers (*données socles*): values that travel, schemas, and how native layers become theirs."""
