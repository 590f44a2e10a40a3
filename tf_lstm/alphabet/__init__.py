"""The alphabet: six ways to present letters to an LSTM."""
