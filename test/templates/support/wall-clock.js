// Loaded into a server under test with `node --import`: SIGUSR2 sets its wall clock, by the milliseconds in CLOCK_STEP.
// The monotonic clock goes on as it did.
const RealDate = Date;
let moved = 0;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + moved);
    else super(...args);
  }
  static now() {
    return RealDate.now() + moved;
  }
};
process.on('SIGUSR2', () => {
  moved += Number(process.env.CLOCK_STEP);
  console.log(JSON.stringify({ msg: 'clock set', moved }));
});
