"""The hypervisor (*hyperviseur*): observations become alerts and events that cannot be lost, an API, and a page."""
