// Loaded into a server under test with `node --import`: SIGUSR2 moves its clock on, by the milliseconds in CLOCK_STEP.
// Tokens are judged by `new Date()`, which stays right.
const now = Date.now;
const monotonic = performance.now.bind(performance);
let moved = 0;
Date.now = () => now() + moved;
performance.now = () => monotonic() + moved;
process.on('SIGUSR2', () => {
  moved += Number(process.env.CLOCK_STEP);
  console.log(JSON.stringify({ msg: 'clock moved', moved }));
});
