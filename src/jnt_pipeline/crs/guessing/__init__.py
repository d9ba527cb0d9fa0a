"""What coordinates probably are when they contradict their declaration, with the evidence (*référence probable*)."""
