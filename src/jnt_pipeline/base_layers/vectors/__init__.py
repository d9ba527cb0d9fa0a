"""The fast lane of vector layers (*couches vecteur*): batches of Arrow with WKB become checked GeoParquet."""
