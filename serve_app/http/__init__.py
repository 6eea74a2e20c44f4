"""Every protocol of the server, over one data plane."""
