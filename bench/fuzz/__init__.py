"""Everything that reads what others have written, under a coverage-guided fuzzer."""
