"""The network families of this project, a module each."""
