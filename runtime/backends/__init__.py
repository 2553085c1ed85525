"""One file a backend; `edgenets.backend` holds the table and the contract."""
