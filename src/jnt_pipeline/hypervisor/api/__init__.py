"""The HTTP interface of the hypervisor: one router module per subject."""
