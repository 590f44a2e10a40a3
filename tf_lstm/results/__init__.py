"""Results of many runs: kept in CSV files, compared, and written as tables."""
