"""Pure functions of the catalog or of a resolved deployment: tables, listeners, firewall rules."""
