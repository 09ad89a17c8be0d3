"""The engine on Ray: processes of this machine, or machines of a cluster."""
