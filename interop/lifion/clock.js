// A preload (`node -r`): a clock that is ahead, by the milliseconds in CLOCK_AHEAD_MS, or as many as
// `globalThis.setClockAhead` says later. Timers are not changed.
'use strict';

const RealDate = Date;
let ahead = Number(process.env.CLOCK_AHEAD_MS || 0);
globalThis.setClockAhead = (ms) => {
  ahead = ms;
};

globalThis.Date = class extends RealDate {
  constructor(...date) {
    if (date.length === 0) super(RealDate.now() + ahead);
    else super(...date);
  }

  static now() {
    return RealDate.now() + ahead;
  }
};
