"""Territory (*territoire*): what is derived from base layers, as pure functions on arrays and frames."""
