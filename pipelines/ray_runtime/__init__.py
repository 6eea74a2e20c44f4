"""Ray: sessions, nodes, actors and process groups; all that needs its private parts."""
