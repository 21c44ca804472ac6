// A page that is opened from disk may start no Worker: the search runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inside = (this.inside = frame.contentWindow)
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      const load = src =>
        new Promise((done, failed) => {
          const script = inside.document.createElement("script")
          Object.assign(script, { src, onload: done, onerror: failed })
          inside.document.body.append(script)
        })
      inside.importScripts = (...urls) => urls.reduce((before, src) => before.then(() => load(src)), Promise.resolve())
      this.ready = load(String(url))
    }
    postMessage(data) {
      this.ready = this.ready.then(() => void this.inside.dispatchEvent(new MessageEvent("message", { data })))
    }
  }
}
