"""Identity (*identité*): which records of cadastre, BD TOPO, RNB and BAN mean the same thing, and how surely."""
