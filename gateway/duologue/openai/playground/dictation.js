// The browser's own recogniser, where it has one, writes into the field.
class Dictation {
  constructor(written) {
    this.written = written; // is told of the line's whole text
    const Recogniser = window.SpeechRecognition ?? window.webkitSpeechRecognition;
    this.recogniser = Recogniser ? new Recogniser() : null;
    this.isOn = false;
    if (this.recogniser === null) return;
    Object.assign(this.recogniser, { continuous: true, interimResults: true, lang: navigator.language });
    this.recogniser.addEventListener("result", (event) => this.heard(event.results));
    this.recogniser.addEventListener("error", (event) => {
      if (!["no-speech", "aborted"].includes(event.error)) this.failed(event.error);
    });
    // It ends by itself after a while.
    this.recogniser.addEventListener("end", () => this.isOn && this.begin());
  }

  begin() {
    Object.assign(this, { first: 0, passedOver: "", text: "" });
    this.recogniser.start();
  }

  toggle() {
    this.isOn = !this.isOn;
    if (this.isOn) this.begin();
    else this.recogniser.stop();
    this.changed?.(this.isOn);
  }

  failed(why) {
    this.isOn = false;
    this.changed?.(false);
    this.refused?.(`dictation: ${why}`);
  }

  heard(results) {
    this.results = results;
    const text = [...results].slice(this.first).map((result) => result[0].transcript).join("");
    this.text = text;
    const isKnown = text.startsWith(this.passedOver);
    this.written(isKnown ? text.slice(this.passedOver.length) : "");
  }

  // What was recognised so far is of a line that is over.
  newLine() {
    if (!this.isOn || this.results === undefined) return;
    const last = this.results[this.results.length - 1];
    const isOpen = last !== undefined && !last.isFinal;
    this.first = this.results.length - (isOpen ? 1 : 0);
    this.passedOver = isOpen ? last[0].transcript : "";
  }
}
