"use strict";

// Images of all sources come in one MJPEG stream, which is read here and not by an <img>: so it is
// known when the newest one came, and a stream that has ended is asked for again.
const AGAIN = 1000; // ms after which a stream that broke off is asked for again

/** Cuts a multipart stream into its parts; each has a Content-Length. */
class Parts {
  constructor(take) {
    this.take = take; // called with the head's lines and the bytes of each part
    this.bytes = new Uint8Array(0);
  }

  push(more) {
    const joined = new Uint8Array(this.bytes.length + more.length);
    joined.set(this.bytes);
    joined.set(more, this.bytes.length);
    this.bytes = joined;
    while (this.next());
  }

  next() {
    const end = this.headEnd();
    if (end < 0) return false;
    const head = new TextDecoder("latin1").decode(this.bytes.subarray(0, end));
    const length = Number(/content-length: *(\d+)/i.exec(head)[1]);
    if (this.bytes.length < end + 4 + length) return false;
    this.take(head, this.bytes.slice(end + 4, end + 4 + length));
    this.bytes = this.bytes.slice(end + 4 + length);
    return true;
  }

  headEnd() { // of "\r\n\r\n"; the line end between two parts is not one
    for (let at = 2; at + 3 < Math.min(this.bytes.length, 2000); at += 1) {
      if (this.bytes[at] === 13 && this.bytes[at + 1] === 10 && this.bytes[at + 2] === 13 && this.bytes[at + 3] === 10) return at;
    }
    return -1;
  }
}

/** Gives the images of all sources to `take(number, blob)`, for as long as the page is open. */
async function watchImages(take) {
  for (;;) {
    const stop = new AbortController();
    watchImages.again = () => stop.abort();
    try {
      const answer = await fetch("stream/all.mjpg", { signal: stop.signal, cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const parts = new Parts((head, bytes) => {
        take(Number(/x-source: *(\d+)/i.exec(head)[1]), new Blob([bytes], { type: "image/jpeg" }));
      });
      const reader = answer.body.getReader();
      for (let read = await reader.read(); !read.done; read = await reader.read()) parts.push(read.value);
    } catch { /* the server is gone, or has no room; the page says so by its figures */ }
    await new Promise((done) => { setTimeout(done, AGAIN); });
  }
}
watchImages.again = () => {};

/** Shows blobs in an <img>, the newest one as soon as the last one is drawn. */
function shower(image) {
  let busy = false, next = null;
  const show = (blob) => {
    busy = true;
    image.src = URL.createObjectURL(blob);
  };
  const done = () => {
    URL.revokeObjectURL(image.src);
    busy = false;
    if (next) { const blob = next; next = null; show(blob); }
  };
  image.onload = done;
  image.onerror = done;
  return (blob) => { if (busy) next = blob; else show(blob); };
}
