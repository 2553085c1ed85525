"""Updates that a board fetches by itself, from a folder that any web server serves.

    keys      Ed25519 keys of those who publish
    shelf     the folder: signed metadata as The Update Framework has it, and objects by SHA-256
    delta     the difference of two bundles, where it is smaller than the new one
    pull      what a board does: what is newest, is it for us, fetch what is missing, try it
    follow    configuring where a board looks

Who may publish, that nothing is older than what was seen, and that nobody is kept in the dark, is
TUF's to prove (python-tuf); that a release is for this board, newer, and works, is ours.
"""
