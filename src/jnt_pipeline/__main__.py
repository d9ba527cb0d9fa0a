"""``python -m jnt_pipeline``: the ``jnt`` command."""

from jnt_pipeline.cli import main

main()
