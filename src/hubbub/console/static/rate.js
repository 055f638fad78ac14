// Events a second over the last minute, as bars.

const SECONDS = 60;

export class Rate {
  constructor(canvas) {
    this.canvas = canvas;
    this.bars = new Array(SECONDS).fill(0);
    this.second = seconds();
  }

  clear() {
    this.bars.fill(0);
  }

  add() {
    this.move();
    this.bars[SECONDS - 1] += 1;
  }

  /** The mean of the last five whole seconds. */
  mean() {
    this.move();
    return this.bars.slice(-6, -1).reduce((sum, n) => sum + n, 0) / 5;
  }

  move() {
    const now = seconds();
    for (; this.second < now; this.second += 1) {
      if (now - this.second > SECONDS) this.second = now - SECONDS;
      this.bars.push(0);
      this.bars.shift();
    }
  }

  draw() {
    this.move();
    const { canvas } = this;
    const sharpness = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * sharpness);
    const height = Math.round(canvas.clientHeight * sharpness);
    Object.assign(canvas, { width, height }); // and clears it
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(canvas).getPropertyValue("--accent").trim();
    const highest = Math.max(5, ...this.bars);
    const step = width / SECONDS;
    this.bars.forEach((n, place) => {
      const tall = n ? Math.max(sharpness, (n / highest) * height) : 0;
      pen.fillRect(place * step, height - tall, step * 0.72, tall);
    });
  }
}

function seconds() {
  return Math.floor(performance.now() / 1000);
}
