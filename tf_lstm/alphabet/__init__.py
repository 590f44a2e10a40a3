"""The alphabet: eight ways to present letters to an LSTM."""
