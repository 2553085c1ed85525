"""Flashing: an image to a card, until every byte of it was read back from the card itself.

image      .img, .xz, .zst, .gz, .zip as a stream of bytes
bmap       which ranges of an image matter, and their checksums
disks      what block devices there are, and why most of them are refused
target     a card, opened for itself alone and written past every cache
blocks     an image's blocks, divided by whether they hold anything
faults     what is wrong with a card, each its own message
journal    how far a card was written, so that an interrupted one is gone on with
capacity   whether a card has the memory that it says it has
engine     all of it, in order; the partition table comes last
download   images from the network, and what vouches for them
partitions where an image's FAT partition is
fat        files in that partition, by mtools
first_boot the configuration of a board's first start
offline    what it serves then without a network
fastboot   a board in its bootloader
mendel     Mendel Linux to a Coral Dev Board, by fastboot
flash      the command: what is asked, in which order
"""
