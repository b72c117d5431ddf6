"""Tools of MCP servers. Each call of one is an action on the one road every action takes."""
