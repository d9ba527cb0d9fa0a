"""The stages, one module for each verb: plan units, read inputs, call the pure functions, commit."""
