/** Runs work for the newest request only: one run at a time, and requests in between are skipped. */

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

  // A request never postpones the one before, so a hand that does not pause gets readings too.
  return () => {
    asked = true;
    timer ||= setTimeout(run, wait);
  };
}
