"""The project's commands. Scrapy imports all of them for each, so they import what they work with when they run."""
