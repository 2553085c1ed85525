"""Sound events: what begins and ends in a stream of sound, several at once."""
