"""An LSTM in TensorFlow, with everything that the high-level API hides on the page."""
