"""What vision needs on the laptop and on the device: images in, boxes, masks and labels out."""
