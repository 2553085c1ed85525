"""Images that people have labeled, in the layouts that they have them in."""
