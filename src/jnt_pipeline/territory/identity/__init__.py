"""Identity (*identité*): which records of cadastre, BD TOPO, RNB and BAN are about the same thing, and how sure that is."""
