"""The page of the territory: plain HTML made on the server, which opens offline and explains itself."""
