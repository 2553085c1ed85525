"""The keeper: what stays on a board and looks after its releases.

It is all that must never break, so it is small, runs on the board's own Python (3.9 or newer) with
nothing but the standard library, and is copied to boards as it stands here:

    layout        where things are on the board
    disk          writing so that a power cut leaves the old or the new
    objects       files by their SHA-256: bundles, wheels
    release       what is served: a bundle, an environment, a source, what health means
    environment   a virtual environment, made of wheels without a network
    state         what is being tried, what failed and why
    service       the units of systemd
    health        golden outputs, then live inferences within their bound
    trial         the switch to another release, and the way back
    cleaning      removing what nothing needs any more
    lock          one command at a time
    main          the commands

One symbolic link, `current`, says what serves. Before it is moved, `state.json` says what is being
tried; whoever comes first after a cut, the guard at boot or the next command, ends the trial.
"""
