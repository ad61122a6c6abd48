"""What commands do besides crawling: projects, discovery, diagnosis, verification, dead letters, the registry.

What all commands share is in ``command``, outside of the package of commands: Scrapy takes every command class there
for a command. The packages do not know each other.
"""
