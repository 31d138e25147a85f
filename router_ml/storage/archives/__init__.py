"""Past months as Parquet, and the end of records: erasure and expiry."""
