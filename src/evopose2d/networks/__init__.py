"""The networks: described as data, built with Keras, counted."""
