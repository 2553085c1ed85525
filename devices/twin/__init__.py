"""The device twin: an emulated board, Debian for arm64, on a machine without one.

    tier        what it is                                            what it proves
    userland    systemd and sshd in a container, run by qemu-user     deployment, many at once
    system      a whole machine in QEMU with Debian's own kernel,     boot, power cuts, a camera
                a V4L2 camera and an ALSA sound card                  and a microphone of the kernel
    raspberry   a Raspberry Pi 3 in QEMU                              a flashed card starts it

A system twin's `camera`, `mic` and `sd` see, hear and fail as a test has them do.

`base` makes what they start from, once. A twin lives in a folder with its `twin.json`, apart from
the process that started it. What is measured on a twin is never the speed of a board.
"""
