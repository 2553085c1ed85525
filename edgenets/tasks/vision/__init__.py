"""What vision needs on the laptop and on the device: pictures in, boxes, masks and labels out."""
