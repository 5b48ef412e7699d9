"""What is remembered between requests: health, cooldowns, latency. One contract, several stores."""
