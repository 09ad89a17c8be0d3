"""A dataset looked at before it costs anything: counted, doubted, shown, and mended where nothing is guessed."""
