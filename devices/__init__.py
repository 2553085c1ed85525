"""Onto the device.

board, profiles  what is known of each board
place            what a release stands on there, by a profile or by the board itself
preflight        whether a bundle will run there, asked before anything is written
remote           a board's shell over SSH
deploy           a bundle to a board, until it was seen to work there
keeper           what lives on boards: releases, trials, the way back
flash            an image to a card, until it was read back from the card
update           signed releases that boards fetch by themselves
fleet            many boards, by Ansible
twin             emulated boards
"""
