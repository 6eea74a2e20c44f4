/** Work for the newest wish only: one piece at a time, and what was asked for in between is skipped. */

export function newest(work, wait) {
  let timer = 0;
  let running = false;
  let asked = false;

  async function run() {
    timer = 0;
    if (running) return;
    running = true;
    while (asked) {
      asked = false;
      await work();
    }
    running = false;
  }

  // A wish never puts off the one before, so a hand that does not pause is answered too.
  return () => {
    asked = true;
    timer ||= setTimeout(run, wait);
  };
}
